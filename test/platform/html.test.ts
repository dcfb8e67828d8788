import { attributes, escapeHtml, html, safeUrl } from '../../src/platform/html';

describe('the html tag', () => {
  it('escapes whatever is put into it, in content and in quoted attributes', () => {
    const value = `<img src=x onerror='a' b="c"> & \``;
    const page = html`<p title="${value}">${value}</p>`.text;
    const escaped = '&lt;img src=x onerror=&#39;a&#39; b=&quot;c&quot;&gt; &amp; &#96;';
    expect(page).toBe(`<p title="${escaped}">${escaped}</p>`);
  });

  it('does not escape its own markup twice, however deep', () => {
    const items = ['a<b', 'c'].map((text) => html`<b>${text}</b>`);
    const page = html`<i>${[items, [html`<b>${1}</b>`]]}</i>`.text;
    expect(page).toBe('<i><b>a&lt;b</b><b>c</b><b>1</b></i>');
  });

  it('prints nothing for null, undefined and false, but prints zero', () => {
    expect(html`[${null}${undefined}${false}${0}${''}]`.text).toBe('[0]');
  });

  it('takes no text for markup because it looks like it', () => {
    const impostor = JSON.parse('"<b>"') as string;
    expect(html`${impostor}`.text).toBe(escapeHtml(impostor));
  });
});

describe('attributes', () => {
  it('prints values escaped, true bare, and leaves out what is absent', () => {
    const list = attributes({
      id: 'a"b',
      required: true,
      checked: false,
      value: undefined,
      rows: 3,
    });
    expect(list.text).toBe(' id="a&quot;b" required rows="3"');
  });
});

describe('safeUrl', () => {
  it.each([
    'https://example.com/a?b=c#d',
    'http://localhost:8090/',
    'mailto:a@example.com',
    '/terms',
    '/auth/oidc/x?next=%2F',
  ])('keeps %s', (url) => {
    expect(safeUrl(url)).toBe(url);
  });

  it.each([
    'javascript:alert(1)',
    ' JavaScript:alert(1)',
    'java\nscript:alert(1)',
    'data:text/html,<script>',
    'vbscript:x',
    '//evil.example/a',
    '/\\evil.example/a',
    'no address',
    '',
  ])('replaces %j', (url) => {
    expect(safeUrl(url)).toBe('#');
  });
});
