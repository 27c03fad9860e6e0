// Apache httpd with mod_auth_openidc, set up as its documentation says: a page that asks for a sign-in, and what it is told.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { startApache } from './support/apache.js';
import { answerPages, Browser } from './support/browser.js';
import { makeCertificate } from './support/certificate.js';
import { startInstallation } from './support/installation.js';

const CALLBACK = '/private/callback';

let directory;
let server;
let tls;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'portcullis-httpd-tls-'));
  tls = await makeCertificate(directory);
  server = await startInstallation({
    claims: { name: 'Alice Example', email: 'alice@example.org', email_verified: true },
    settings: `
[registration]
mode = "open"

[outbound]
extra_ca = "${tls.certificate}"
allow_hosts = ["localhost"]
`,
  });
});
after(async () => {
  await server?.stop();
  if (directory) await rm(directory, { recursive: true });
});

/** Runs `body` with an httpd whose module is a registered client with these `settings` besides. */
async function withApache({ client: options = [], settings = '' }, body) {
  const oidc = async ({ origin }) => {
    const { client_id, client_secret } = await server.portcullis(
      ...['client', 'create', '--json', '--name', 'Intranet', '--redirect-uri', origin + CALLBACK, ...options],
    );
    return `OIDCProviderMetadataURL ${server.issuer}/.well-known/openid-configuration
OIDCClientID ${client_id}
OIDCClientSecret ${client_secret}
OIDCRedirectURI ${origin}${CALLBACK}
OIDCCryptoPassphrase ${randomUUID()}
OIDCPKCEMethod S256
OIDCRemoteUserClaim preferred_username
${settings}
`;
  };
  const apache = await startApache({ oidc });
  try {
    await body(apache);
  } catch (error) {
    error.message += `\n${await apache.log()}`;
    throw error;
  } finally {
    await apache.stop();
  }
}

/** Opens the page that asks for a sign-in, and does what is asked; resolves to what it shows. */
async function openPrivate(apache, browser) {
  const page = await answerPages(browser, await browser.open(`${apache.origin}/private`), server);
  assert.equal(page.url.href, `${apache.origin}/private`);
  return Object.fromEntries(page.document.textContent.trim().split('\n').map((line) => line.split('=')));
}

test('a page asks for a sign-in, and is told who it is', async () => {
  await withApache({ settings: 'OIDCScope "openid profile email"' }, async (apache) => {
    const told = await openPrivate(apache, new Browser());
    assert.match(told.sub, /^[0-9a-f-]{36}$/);
    const { sub, ...rest } = told;
    assert.deepEqual(rest, {
      iss: server.issuer,
      preferred_username: server.user.username,
      name: 'Alice Example',
      email: 'alice@example.org',
      email_verified: '1',
      user: server.user.username,
    });
  });
});

test('one sign-in is enough for two applications', async () => {
  const settings = 'OIDCScope "openid profile"';
  await withApache({ settings }, async (first) => {
    await withApache({ client: ['--trusted'], settings }, async (second) => {
      const browser = new Browser();
      const told = await openPrivate(first, browser);
      browser.forget('mod_auth_openidc_session'); // cookies know no ports: the second one is another application
      const page = await browser.open(`${second.origin}/private`);
      assert.ok(page.document.textContent.includes(`sub=${told.sub}\n`), 'nothing was asked');
    });
  });
});

test('a secret in the body, and new tokens by a refresh token', async () => {
  const settings = `OIDCScope "openid profile offline_access"
OIDCAuthRequestParams prompt=consent
OIDCProviderTokenEndpointAuth client_secret_post
OIDCInfoHook access_token refresh_token userinfo`;
  await withApache({ client: ['--auth-method', 'client_secret_post'], settings }, async (apache) => {
    const browser = new Browser();
    const { sub } = await openPrivate(apache, browser);
    const info = async () => JSON.parse((await browser.open(`${apache.origin}${CALLBACK}?info=json`)).text);
    const first = await info();
    assert.equal(first.userinfo.sub, sub);
    const back = encodeURIComponent(`${apache.origin}/private`);
    const page = await browser.open(
      `${apache.origin}${CALLBACK}?refresh=${back}&access_token=${encodeURIComponent(first.access_token)}`,
    );
    assert.equal(page.url.href, `${apache.origin}/private`, 'without an error in the address');
    const second = await info();
    assert.notEqual(second.access_token, first.access_token);
    assert.notEqual(second.refresh_token, first.refresh_token);
  });
});

// With a folder for metadata, the module takes whatever provider it is sent to, and registers itself there. It insists on https.
test('httpd registers itself, and signs people out at the server too', async () => {
  const oidc = async ({ secureOrigin, files }) => {
    const metadata = join(files, 'metadata');
    await mkdir(metadata);
    await chmod(metadata, 0o777); // the module writes as nobody
    return `OIDCMetadataDir ${metadata}
OIDCRedirectURI ${secureOrigin}${CALLBACK}
OIDCCryptoPassphrase ${randomUUID()}
OIDCClientName "An intranet that registered itself"
OIDCScope "openid profile email"
OIDCPKCEMethod S256
OIDCRemoteUserClaim preferred_username
OIDCDefaultLoggedOutURL ${secureOrigin}/open
`;
  };
  const apache = await startApache({ oidc, tls });
  try {
    const browser = new Browser({ ca: await readFile(tls.certificate) });
    const shown = await answerPages(browser, await chooseProvider(apache, browser), server);
    assert.equal(shown.url.href, `${apache.secureOrigin}/private`, shown.text);
    assert.ok(shown.text.includes(`iss=${server.issuer}\n`) && shown.text.includes(`user=${server.user.username}\n`), shown.text);

    const leave = new URL(apache.secureOrigin + CALLBACK);
    leave.searchParams.set('logout', `${apache.secureOrigin}/open`);
    const signedOut = await browser.open(leave);
    // The module registered itself for the front channel, so that this page loads its address and then leads on, by a script.
    const [frame] = signedOut.document.querySelectorAll('iframe');
    const told = await browser.open(frame.getAttribute('src'));
    assert.equal(told.status, 200, told.text);
    const left = await browser.open(signedOut.document.querySelector('#back').getAttribute('href'));
    assert.equal(left.text, 'everybody may read this\n', `at ${left.url}`);
    const again = await chooseProvider(apache, browser);
    assert.ok(again.document.querySelector('input[name=password]'), 'the server asks who it is');
  } catch (error) {
    error.message += `\n${await apache.log()}`;
    throw error;
  } finally {
    await apache.stop();
  }
});

test('signed out at the server, httpd is told in the back channel', async () => {
  const oidc = async ({ secureOrigin }) => {
    const { registration_endpoint } = await (await fetch(`${server.issuer}/.well-known/openid-configuration`)).json();
    const answer = await fetch(registration_endpoint, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        redirect_uris: [secureOrigin + CALLBACK],
        backchannel_logout_uri: `${secureOrigin}${CALLBACK}?logout=backchannel`,
        backchannel_logout_session_required: true,
      }),
    });
    const { client_id, client_secret } = await answer.json();
    return `OIDCProviderMetadataURL ${server.issuer}/.well-known/openid-configuration
OIDCClientID ${client_id}
OIDCClientSecret ${client_secret}
OIDCRedirectURI ${secureOrigin}${CALLBACK}
OIDCCryptoPassphrase ${randomUUID()}
OIDCPKCEMethod S256
`;
  };
  const apache = await startApache({ oidc, tls });
  try {
    const browser = new Browser({ ca: await readFile(tls.certificate) });
    const page = `${apache.secureOrigin}/private`;
    const shown = await answerPages(browser, await browser.open(page), server);
    assert.ok(shown.text.includes(`iss=${server.issuer}\n`), shown.text);

    const question = await browser.open(`${server.issuer}/logout`);
    const form = question.document.querySelector('form:has(button[value=logout])');
    const name = form.querySelector('button[value=logout]').getAttribute('name');
    await browser.submit(question, form, { button: [name, 'logout'] });
    await eventually(async () => (await browser.open(page)).document.querySelector('input[name=password]'));
  } catch (error) {
    error.message += `\n${await apache.log()}`;
    throw error;
  } finally {
    await apache.stop();
  }
});

/** Resolves when `look` resolves to something, which it does within seconds. */
async function eventually(look) {
  for (const deadline = Date.now() + 20_000; Date.now() < deadline; ) {
    if (await look()) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error('it did not come to that');
}

/** Opens the page that asks for a sign-in, and tells the module, which asks for it, where people have their accounts. */
async function chooseProvider(apache, browser) {
  const asked = await browser.open(`${apache.secureOrigin}/private`);
  const form = asked.document.querySelector('form:has(input[name=iss])');
  const chosen = new URL(apache.secureOrigin + CALLBACK);
  for (const input of form.querySelectorAll('input[name]')) {
    chosen.searchParams.set(input.getAttribute('name'), input.getAttribute('value'));
  }
  chosen.searchParams.set('iss', server.issuer);
  return browser.open(chosen);
}
