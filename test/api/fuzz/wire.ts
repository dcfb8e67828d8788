import http from 'node:http';
import type { FuzzRequest } from './requests';

/** An answer as it came back; JSON is parsed. */
export interface FuzzAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests look into answers freely
  readonly body: any;
}

/** Sends requests as they are, headers given twice among them, over connections that it keeps. */
export function createSender(url: string): {
  readonly send: (request: FuzzRequest) => Promise<FuzzAnswer>;
  readonly close: () => void;
} {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });
  const { hostname, port } = new URL(url);
  const send = ({ method, path, headers, body }: FuzzRequest): Promise<FuzzAnswer> =>
    new Promise((resolve, reject) => {
      const all = [
        ['Host', `${hostname}:${port}`] as const,
        ...headers,
        // Without it Node announces chunks, of which there are none.
        ['Content-Length', String(body?.length ?? 0)] as const,
      ];
      const request = http.request(
        { agent, hostname, port, method, path, headers: all.flat() },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('error', reject);
          response.on('end', () => {
            const text = Buffer.concat(chunks).toString();
            const isJson = /^application\/([\w.-]+\+)?json\b/.test(
              response.headers['content-type'] ?? '',
            );
            resolve({
              status: response.statusCode ?? 0,
              headers: response.headers,
              body: isJson && text !== '' ? (JSON.parse(text) as unknown) : text,
            });
          });
        },
      );
      request.on('error', reject);
      request.end(body);
    });
  return {
    send,
    close: () => {
      agent.destroy();
    },
  };
}
