"""The pages of the ground: signing in, one's account, a workspace's settings, the house."""
