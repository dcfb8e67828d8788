/** A text as a LIKE pattern that matches just itself. */
export const likeText = (text: string): string => text.replaceAll(/[\\%_]/g, String.raw`\$&`);

/** A LIKE pattern for a part of a text that is stored in lower case. */
export const likePart = (text: string): string => `%${likeText(text.toLowerCase())}%`;
