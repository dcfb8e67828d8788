/** A form of a page: where it is sent and what it holds. */
export interface PageForm {
  readonly action: string;
  readonly fields: URLSearchParams;
}

const entities: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  '#39': "'",
  '#96': '`',
};

function decode(text: string): string {
  return text.replace(/&(amp|lt|gt|quot|#39|#96);/g, (_, name: string) => entities[name] ?? '');
}

function attribute(tag: string, name: string): string | undefined {
  const match = new RegExp(`\\s${name}="([^"]*)"`).exec(tag);
  return match ? decode(match[1] ?? '') : undefined;
}

/**
 * The first form of a page that has a button of that value, with its hidden fields and that button
 * pressed.
 */
export function findForm(html: string, button: string): PageForm | null {
  for (const [form] of html.matchAll(/<form\b[\s\S]*?<\/form>/g)) {
    const pressed = [...form.matchAll(/<button\b[^>]*>/g)].find(
      ([tag]) => attribute(tag, 'value') === button,
    );
    if (!pressed) continue;
    const fields = new URLSearchParams();
    for (const [tag] of form.matchAll(/<input\b[^>]*>/g)) {
      const name = attribute(tag, 'name');
      if (name && attribute(tag, 'type') === 'hidden')
        fields.set(name, attribute(tag, 'value') ?? '');
    }
    fields.set(attribute(pressed[0], 'name') ?? 'action', button);
    return { action: attribute(form, 'action') ?? '', fields };
  }
  return null;
}

/** A visitor with cookies: enough of a browser to use pages that need no JavaScript. */
export interface Visitor {
  open(url: string): Promise<Response>;
  /** Sends a form as a browser does, from its own origin. Redirects are not followed. */
  submit(page: string, form: PageForm): Promise<Response>;
}

/** A new visitor without cookies. */
export function createVisitor(): Visitor {
  const cookies = new Map<string, string>();
  const request = async (
    url: string,
    init: { method?: string; body?: URLSearchParams; headers?: Record<string, string> },
  ): Promise<Response> => {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const headers = { accept: 'text/html', ...init.headers, ...(cookie ? { cookie } : {}) };
    const response = await fetch(url, { ...init, headers, redirect: 'manual' });
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (value === '') cookies.delete(name);
      else cookies.set(name, value);
    }
    return response;
  };
  return {
    open: (url) => request(url, {}),
    submit: (page, { action, fields }) => {
      const { origin } = new URL(page);
      return request(new URL(action, page).href, {
        method: 'POST',
        body: fields,
        headers: { origin, 'sec-fetch-site': 'same-origin', 'sec-fetch-mode': 'navigate' },
      });
    },
  };
}
