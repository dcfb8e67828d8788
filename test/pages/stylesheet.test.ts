import { createHash } from 'node:crypto';
import { assetPaths, assets } from '../../api/pages/assets/assets';
import { baseStyles } from '../../api/pages/assets/stylesheet-base';

const [light = '', dark = ''] = baseStyles.split('@media (prefers-color-scheme: dark)');
const schemes = { light: colours(light), dark: { ...colours(light), ...colours(dark) } };

/** Every pair of text and ground that the pages use. */
const pairs = [
  ...['paper', 'glow', 'surface', 'field', 'tint', 'sunken'].map((ground) => ['ink', ground]),
  ...['paper', 'glow', 'surface', 'tint'].map((ground) => ['soft', ground]),
  ...['paper', 'glow', 'surface', 'tint', 'field'].map((ground) => ['accent', ground]),
  ...['paper', 'surface', 'amber-tint'].map((ground) => ['amber', ground]),
  ...['surface', 'danger-tint'].map((ground) => ['danger', ground]),
  ['ink', 'danger-tint'],
  ['on-accent', 'accent'],
  ['on-accent', 'accent-strong'],
] as [string, string][];

describe.each(Object.entries(schemes))('in the %s scheme', (_scheme, palette) => {
  it.each(pairs)('%s on %s has a contrast of at least 4.5', (text, ground) => {
    expect(contrast(palette[text]!, palette[ground]!)).toBeGreaterThanOrEqual(4.5);
  });

  it.each(['field', 'surface', 'paper'])('the edge of a field stands out from %s', (ground) => {
    expect(contrast(palette['edge']!, palette[ground]!)).toBeGreaterThanOrEqual(3);
  });
});

describe('assets', () => {
  it('are named by their content, so that they may be kept for ever', () => {
    for (const [path, { body }] of assets) {
      const hash = createHash('sha256').update(body).digest('base64url').slice(0, 16);
      expect(path).toContain(`/assets/usher.${hash}.`);
    }
    expect([...assets.keys()].sort()).toEqual(Object.values(assetPaths).sort());
  });

  it('load nothing from anywhere', () => {
    for (const { body } of assets.values()) {
      expect(body.toString().replaceAll('http://www.w3.org/2000/svg', '')).not.toMatch(
        /https?:|@import|url\(/,
      );
    }
  });
});

function colours(css: string): Record<string, string> {
  const found = [...css.matchAll(/--([\w-]+): (#[\da-f]{6});/g)];
  return Object.fromEntries(found.map(([, name, value]) => [name, value]));
}

/** The ratio that WCAG 2.2 defines, 1 to 21. */
function contrast(one: string, other: string): number {
  const [light, dark] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (light! + 0.05) / (dark! + 0.05);
}

function luminance(colour: string): number {
  const [red, green, blue] = [1, 3, 5].map((at) => {
    const value = parseInt(colour.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!;
}
