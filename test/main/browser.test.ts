import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createVisitor, findForm } from '../../src/main/browser';

const page = `
<form action="/decline" method="post"><input type="hidden" name="form_token" value="one" />
  <button name="action" value="decline">No</button></form>
<form class="f" action="/invite/a&amp;b" method="post">
  <input type="hidden" name="form_token" value="&lt;two&gt; &quot;x&quot; &#39;" />
  <input type="text" name="name" value="" />
  <button class="button" name="action" value="accept">Yes</button></form>`;

describe('a form of a page', () => {
  it('is found by its button, with hidden fields and the button pressed', () => {
    const form = findForm(page, 'accept');
    expect(form?.action).toBe('/invite/a&b');
    expect(Object.fromEntries(form?.fields ?? [])).toEqual({
      form_token: `<two> "x" '`,
      action: 'accept',
    });
  });

  it('is null where no form has that button', () => {
    expect(findForm(page, 'missing')).toBeNull();
  });
});

describe('a visitor', () => {
  let server: Server;
  const seen: { cookie?: string | undefined; origin?: string | undefined; body: string }[] = [];

  beforeAll(async () => {
    server = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk) => (body += String(chunk)));
      request.on('end', () => {
        seen.push({ cookie: request.headers.cookie, origin: request.headers.origin, body });
        response.setHeader('connection', 'close');
        if (request.url === '/gone') response.setHeader('set-cookie', 'a=; Max-Age=0');
        else response.setHeader('set-cookie', ['a=1; HttpOnly', 'b=2=3; Path=/']);
        response.writeHead(303, { location: '/next' }).end();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterAll(() => new Promise((resolve) => server.close(resolve)));

  it('keeps cookies, sends forms from its own origin and follows no redirect', async () => {
    const origin = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
    const visitor = createVisitor();
    const first = await visitor.open(`${origin}/page`);
    expect([first.status, first.headers.get('location')]).toEqual([303, '/next']);
    await visitor.submit(`${origin}/page`, {
      action: '/form',
      fields: new URLSearchParams({ x: 'ä&' }),
    });
    await visitor.open(`${origin}/gone`);
    await visitor.open(`${origin}/page`);
    expect(seen.map(({ cookie }) => cookie)).toEqual([
      undefined,
      'a=1; b=2=3',
      'a=1; b=2=3',
      'b=2=3',
    ]);
    expect(seen[1]).toMatchObject({ origin, body: 'x=%C3%A4%26' });
  });
});
