const loneSurrogates = /\p{Surrogate}/gu;

/**
 * A text in which U+FFFD stands for each half of a surrogate pair that is alone, as `String.prototype.toWellFormed` does
 * it: such a half has no UTF-8, and neither a URL nor jsonb takes it.
 */
export const wellFormed = (text: string): string => text.replace(loneSurrogates, '\ufffd');
