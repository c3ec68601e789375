"""What happens around a meetup: people, planning, admission, engagement."""
