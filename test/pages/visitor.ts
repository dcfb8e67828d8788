/** A page or a redirect as a visitor got it. */
export interface Seen {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Where it leads, for a redirect. */
  readonly location: string | null;
  /** The language that the page is written in. */
  readonly lang: string | undefined;
  /** What the first heading says. */
  readonly heading: string | undefined;
}

/** A visitor with cookies, like a browser without scripts. */
export interface Visitor {
  readonly cookies: Map<string, string>;
  get(path: string, headers?: Record<string, string>): Promise<Seen>;
  head(path: string): Promise<Seen>;
  /** Sends a form, by default as a browser does from the same site. */
  post(
    path: string,
    fields: Record<string, string> | URLSearchParams | string,
    headers?: Record<string, string>,
  ): Promise<Seen>;
}

/** A new visitor of a site. */
export function visitorOf(url: string, base: Record<string, string> = {}): Visitor {
  const cookies = new Map<string, string>();
  const ask = async (path: string, init: RequestInit): Promise<Seen> => {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await fetch(url + path, {
      ...init,
      redirect: 'manual',
      headers: { ...base, ...(cookie ? { cookie } : {}), ...(init.headers as object) },
    });
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (value === '') cookies.delete(name);
      else cookies.set(name, value);
    }
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      text,
      location: response.headers.get('location'),
      lang: /<html lang="(\w+)"/.exec(text)?.[1],
      heading: /<h1[^>]*>([^]*?)<\/h1>/
        .exec(text)?.[1]
        ?.replace(/<[^>]+>/g, '')
        .trim(),
    };
  };
  return {
    cookies,
    get: (path, headers = {}) => ask(path, { headers }),
    head: (path) => ask(path, { method: 'HEAD' }),
    post: (path, fields, headers = { 'sec-fetch-site': 'same-origin' }) =>
      ask(path, {
        method: 'POST',
        body: typeof fields === 'string' ? fields : new URLSearchParams(fields),
        headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
      }),
  };
}

/** The signed token of the forms of a page. */
export function formTokenOf(page: Seen): string {
  const token = /name="form_token" value="([^"]+)"/.exec(page.text)?.[1];
  if (token === undefined) throw new Error(`The page has no form: ${page.text.slice(0, 500)}`);
  return token;
}

/** A visitor with an invite in hand. */
export interface Guest extends Visitor {
  /** Looks at the invite, which has to be open. */
  open(invite: { readonly path: string }): Promise<Seen>;
  /** Sends one of the page's forms; looks at the page first unless it was given. */
  send(
    invite: { readonly path: string },
    fields: Record<string, string>,
    page?: Seen,
  ): Promise<Seen>;
}

/** A new guest. */
export function guestOf(url: string): Guest {
  const visitor = visitorOf(url);
  const open: Guest['open'] = async ({ path }) => {
    const page = await visitor.get(path);
    expect(page.status).toBe(200);
    return page;
  };
  return {
    ...visitor,
    open,
    send: async (invite, fields, page) => {
      const form_token = formTokenOf(page ?? (await open(invite)));
      return visitor.post(invite.path, { form_token, ...fields });
    },
  };
}
