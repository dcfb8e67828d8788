import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { assets } from '../../api/pages/assets/assets';
import { pageHeaders } from '../../api/pages/headers';
import { chooseLocale } from '../../src/platform/locale';
import { pageContext } from './builders';
import { gallery } from './gallery';

/** Answers a request before the gallery does; false leaves it to the gallery. */
export type Route = (request: IncomingMessage, response: ServerResponse, url: URL) => boolean;

/** A running server of the gallery's pages. */
export interface PageServer {
  url: string;
  /** The address of a page by its name in the gallery. */
  address: (name: string, lang?: string) => string;
  close: () => Promise<void>;
}

/** Serves each gallery page at its own path (`?page=<name>`) with the headers of production. */
export async function servePages(route: Route = () => false): Promise<PageServer> {
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://localhost');
    if (!route(request, response, url)) answer(response, url);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: base,
    address: (name, lang = 'en') => `${base}${pathOf(name)}?page=${name}&lang=${lang}`,
    close: () => close(server),
  };
}

/** Sends a page with the headers that production sends it with. */
export function sendPage(response: ServerResponse, body: string): void {
  response.writeHead(200, pageHeaders('bm9uY2U')).end(body);
}

function answer(response: ServerResponse, url: URL): void {
  const asset = assets.get(url.pathname);
  const page = gallery.find(({ name }) => name === url.searchParams.get('page'));
  if (asset) {
    response.writeHead(200, { 'content-type': asset.contentType }).end(asset.body);
  } else if (page) {
    const locale = chooseLocale({ lang: url.searchParams.get('lang') });
    sendPage(response, page.render(pageContext({ locale })));
  } else {
    response.writeHead(404).end();
  }
}

function pathOf(name: string): string {
  const page = gallery.find((candidate) => candidate.name === name);
  if (!page) throw new Error(`The gallery has no page ${name}.`);
  return page.path;
}

function close(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(() => resolve()));
}
