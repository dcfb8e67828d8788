import { createHash } from 'node:crypto';
import { browserScript } from './browser-script';
import { markSvg } from './icons';
import { baseStyles } from './stylesheet-base';
import { formStyles } from './stylesheet-forms';
import { progressStyles } from './stylesheet-progress';

/** One file that pages load; its path changes with its content, so it may be kept for ever. */
export interface Asset {
  contentType: string;
  body: Buffer;
}

const stylesheet = asset(
  'css',
  'text/css; charset=utf-8',
  baseStyles + formStyles + progressStyles,
);
const script = asset('js', 'text/javascript; charset=utf-8', browserScript);
const icon = asset('svg', 'image/svg+xml', markSvg);

/** Where pages find their stylesheet, script and icon. */
export const assetPaths = { stylesheet: stylesheet.path, script: script.path, icon: icon.path };

/** Every file under `/assets/` by its path; serve with `Cache-Control: public, max-age=31536000, immutable`. */
export const assets: ReadonlyMap<string, Asset> = new Map(
  [stylesheet, script, icon].map(({ path, ...file }) => [path, file]),
);

function asset(extension: string, contentType: string, text: string): Asset & { path: string } {
  const body = Buffer.from(text.trim() + '\n');
  const hash = createHash('sha256').update(body).digest('base64url').slice(0, 16);
  return { path: `/assets/usher.${hash}.${extension}`, contentType, body };
}
