import { randomBytes } from 'node:crypto';
import { dirname } from 'node:path';
import express from 'express';
import type { Router } from 'express';

/** The browsable API description: Swagger UI from the installed package, with nothing loaded from elsewhere. */
export function createDocsPage(): Router {
  const router = express.Router({ strict: false });
  router.get('/', (request, response) => {
    if (!request.originalUrl.split('?')[0]?.endsWith('/docs')) {
      response.redirect(301, '/docs');
      return;
    }
    const nonce = randomBytes(16).toString('base64');
    response.setHeader(
      'Content-Security-Policy',
      [
        "default-src 'none'",
        `script-src 'self' 'nonce-${nonce}'`,
        // Swagger UI writes style attributes; they style, they run nothing.
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
      ].join('; '),
    );
    response.type('html').send(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Usher API</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="/docs/assets/swagger-ui.css"></head>
<body><div id="ui"></div><script src="/docs/assets/swagger-ui-bundle.js"></script>
<script nonce="${nonce}">SwaggerUIBundle({url:'/openapi.json',dom_id:'#ui',deepLinking:true,validatorUrl:null})</script>
</body></html>`);
  });
  router.use(
    '/assets',
    express.static(dirname(require.resolve('swagger-ui-dist/package.json')), {
      index: false,
      immutable: true,
      maxAge: '1d',
      redirect: false,
    }),
  );
  return router;
}
