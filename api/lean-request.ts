import { IncomingMessage } from 'node:http';

/**
 * A request that is verified or sent on. Before node:http hands any request over it looks for an `Expect` header, for
 * which it makes an object of all headers: that costs as much as to verify a key, which is read from the raw ones. Until
 * a request is opened, `headers` has only what decides how it is to be read.
 */
export class LeanRequest extends IncomingMessage {
  #isOpen = false;

  /** From now on `headers` has all of them. */
  open(): this {
    this.#isOpen = true;
    return this;
  }

  /** Leaves what cannot have a body unread, so that node:http need not wait for its end and tell everybody of it. */
  skipBody(): void {
    const { headers } = this;
    const hasBody =
      headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;
    // Reads nothing, but it is being read from then on: nobody else has to.
    if (!hasBody) this.read(0);
  }

  static {
    Object.defineProperty(this.prototype, 'headers', {
      get(this: LeanRequest) {
        if (!this.#isOpen) return decisiveOf(this.rawHeaders);
        return Reflect.get(IncomingMessage.prototype, 'headers', this);
      },
    });
  }
}

type Decisive = 'expect' | 'content-length' | 'transfer-encoding';
type DecisiveHeaders = Readonly<Partial<Record<Decisive, string>>>;

const none: DecisiveHeaders = {};

function decisiveOf(rawHeaders: readonly string[]): DecisiveHeaders {
  let headers = none;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = decisive(rawHeaders[at] ?? '');
    if (name !== undefined) headers = { ...headers, [name]: rawHeaders[at + 1] ?? '' };
  }
  return headers;
}

function decisive(name: string): Decisive | undefined {
  // Most are passed over by their length.
  if (name.length === 6) return isNamed(name, 'expect');
  if (name.length === 14) return isNamed(name, 'content-length');
  if (name.length === 17) return isNamed(name, 'transfer-encoding');
  return undefined;
}

const isNamed = (name: string, lower: Decisive): Decisive | undefined =>
  name.toLowerCase() === lower ? lower : undefined;
