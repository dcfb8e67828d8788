/** What the object store answers to one request. */
export interface StoreAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** A text, or the file of an object's bytes. */
  readonly body?: string | { readonly file: string; readonly bytes: number };
}

/** A refusal in the words of S3. */
export class StoreRefusal extends Error {
  readonly status: number;
  /** S3's own error code, such as `PreconditionFailed`. */
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.name = 'StoreRefusal';
    this.status = status;
    this.code = code;
  }
}

/** Refuses what this store does not do; doing something else instead would be a lie. */
export function notImplemented(what: string): StoreRefusal {
  return new StoreRefusal(501, 'NotImplemented', `This store does not know ${what}.`);
}

/** A value that stands in XML: a text, or elements of it by name, those in lists repeated. */
export type XmlValue =
  | string
  | number
  | boolean
  | { readonly [name: string]: XmlValue | readonly XmlValue[] | undefined };

const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\r': '&#13;',
};

function element(name: string, value: XmlValue): string {
  const inner =
    typeof value === 'object'
      ? elements(value)
      : String(value).replace(/[&<>"\r]/g, (found) => escapes[found] ?? found);
  return `<${name}>${inner}</${name}>`;
}

function elements(of: { readonly [name: string]: XmlValue | readonly XmlValue[] | undefined }) {
  return Object.entries(of)
    .flatMap(([name, value]) =>
      value === undefined
        ? []
        : (isList(value) ? value : [value]).map((one: XmlValue) => element(name, one)),
    )
    .join('');
}

const isList = (value: XmlValue | readonly XmlValue[]): value is readonly XmlValue[] =>
  Array.isArray(value);

/** An answer in XML, whose root element is `name`. */
export function xml(status: number, name: string, value: XmlValue): StoreAnswer {
  return {
    status,
    headers: { 'content-type': 'application/xml' },
    body: `<?xml version="1.0" encoding="UTF-8"?>\n${element(name, value)}`,
  };
}

/** The answer to a request that was refused. */
export function refused(error: StoreRefusal, resource: string): StoreAnswer {
  const { status, code, message } = error;
  return xml(status, 'Error', { Code: code, Message: message, Resource: resource });
}

/** The text of the first element of that name in a request's XML; undefined when there is none. */
export function textOf(document: string, name: string): string | undefined {
  const match = new RegExp(`<${name}(?:\\s[^>]*)?>([^<]*)</${name}>`).exec(document);
  return match?.[1]
    ?.trim()
    .replace(/&(amp|lt|gt|quot|apos);/g, (_all, entity: string) => plain[entity] ?? '');
}

const plain: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
};
