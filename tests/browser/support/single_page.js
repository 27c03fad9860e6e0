// A single-page application made with oidc-client-ts: one page without a framework, served at a port of its own.

import { readFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const LIBRARY = join(dirname(createRequire(import.meta.url).resolve('oidc-client-ts/package.json')), 'dist/browser/oidc-client-ts.js');

// `settings` is asked for, since the application is registered after its address is known. `manager` is the test's to call.
const PAGE = `<!doctype html>
<title>A single-page application</title>
<link rel="icon" href="data:,">
<script src="/oidc-client-ts.js"></script>
<script>
  window.ready = fetch('/settings').then(async (answer) => {
    window.manager = new oidc.UserManager({
      ...(await answer.json()),
      userStore: new oidc.WebStorageStateStore({ store: window.sessionStorage }),
    });
    window.events = [];
    manager.events.addUserSignedOut(() => events.push('signed out'));
    manager.events.addUserSessionChanged(() => events.push('session changed'));
    if (location.pathname === '/callback') {
      await manager.signinCallback();
      if (window.self === window.top && !window.opener) history.replaceState(null, '', '/');
    }
  });
</script>
<h1>A single-page application</h1>
`;

/** Serves the application at `host` with `tls` (`{ certificate, key }`, files); resolves to its `origin`, the `settings` to fill in before it is opened, and `stop()`. */
export async function startSinglePage(tls, host = 'localhost') {
  const [library, cert, key] = await Promise.all([LIBRARY, tls.certificate, tls.key].map((file) => readFile(file)));
  const settings = {};
  const pages = {
    '/': ['text/html', () => PAGE],
    '/callback': ['text/html', () => PAGE],
    '/signed-out': ['text/html', () => PAGE],
    '/settings': ['application/json', () => JSON.stringify(settings)],
    '/oidc-client-ts.js': ['text/javascript', () => library],
  };
  const server = createServer({ cert, key }, (request, response) => {
    const [type, body] = pages[request.url.split('?')[0]] ?? [];
    if (body) response.writeHead(200, { 'content-type': type }).end(body());
    else response.writeHead(404).end();
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `https://${host}:${server.address().port}`;
  const stop = () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
  return { origin, settings, stop };
}
