// Words that scripts show come from the page, in the page's language.

const carrier = document.querySelector('meta[name="words"]');

export const word = (name) => carrier?.dataset[name] ?? "";
