// Devices without a browser: openid-client polls, and so does oidc-agent, which is made for the command line. A person lets
// them in with a browser of their own.

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import * as client from 'openid-client';
import { enterUserCode } from './support/browser.js';
import { startServer } from './support/target.js';

const run = promisify(execFile);
const SCOPE = 'openid profile offline_access';

let server;
let config;

before(async () => {
  server = await startServer();
  config = await client.discovery(new URL(server.issuer), server.clients.device.client_id, undefined, client.None(), {
    execute: [client.allowInsecureRequests, client.enableNonRepudiationChecks],
  });
});
after(() => server?.stop());

test('openid-client: start, poll, tokens', async () => {
  assert.ok(config.serverMetadata().device_authorization_endpoint);
  const started = await client.initiateDeviceAuthorization(config, { scope: SCOPE });
  assert.equal(started.interval, 5);
  const [tokens, heading] = await Promise.all([
    client.pollDeviceAuthorizationGrant(config, started),
    enterUserCode(server, started.user_code, 'allow'),
  ]);
  assert.equal(heading, 'Your device is connected');
  assert.equal(tokens.claims().iss, server.issuer);
  assert.equal(tokens.claims().aud, server.clients.device.client_id);
  const userinfo = await client.fetchUserInfo(config, tokens.access_token, tokens.claims().sub);
  assert.equal(userinfo.sub, tokens.claims().sub);
  const renewed = await client.refreshTokenGrant(config, tokens.refresh_token);
  assert.equal(renewed.claims().sub, tokens.claims().sub);
});

test('openid-client: a refusal ends the polling', async () => {
  const started = await client.initiateDeviceAuthorization(config, { scope: SCOPE });
  const polling = client.pollDeviceAuthorizationGrant(config, started);
  const refused = assert.rejects(polling, (error) => error.error === 'access_denied' && error.status === 400);
  assert.equal(await enterUserCode(server, started.user_code, 'deny'), 'You refused the device');
  await refused;
});

// The agent keeps tokens for command lines; `oidc-gen` sets an account up by the device flow, `oidc-token` asks the agent for an
// access token. Everything of it lives in a folder of its own.
test('oidc-agent: an account by the device flow, and tokens from it', { timeout: 120_000 }, async () => {
  const home = await mkdtemp(join(tmpdir(), 'portcullis-agent-'));
  const env = { PATH: process.env.PATH, HOME: home, OIDC_CONFIG_DIR: join(home, 'oidc-agent'), TMPDIR: home };
  await mkdir(env.OIDC_CONFIG_DIR);
  const password = join(home, 'password');
  await writeFile(password, 'only for this test\n', { mode: 0o600 });
  // The agent stores the account again whenever its refresh token was replaced, and needs the password for that.
  const agent = JSON.parse((await run('oidc-agent', ['--json', '--pw-store'], { env })).stdout);
  env.OIDC_SOCK = agent.socket;
  try {
    const { userCode, finished } = await startOidcGen(env, password);
    assert.equal(await enterUserCode(server, userCode, 'allow'), 'Your device is connected');
    assert.equal(await finished(), 0);
    await run('oidc-add', ['--remove', 'portcullis'], { env });
    await run('oidc-add', [`--pw-file=${password}`, 'portcullis'], { env });
    const { stdout } = await run('oidc-token', ['portcullis'], { env });
    const userinfo = await client.fetchUserInfo(config, stdout.trim(), client.skipSubjectCheck);
    assert.ok(userinfo.sub);
    // A token that lives longer than this one can: the agent refreshes.
    const renewed = await run('oidc-token', ['--time=901', 'portcullis'], { env });
    assert.notEqual(renewed.stdout.trim(), stdout.trim());
  } finally {
    process.kill(Number(agent.dpid));
    await rm(home, { recursive: true, force: true });
  }
});

/** Starts `oidc-gen` and resolves when it shows a user code; `finished()` resolves to its exit code. */
async function startOidcGen(env, passwordFile) {
  const { client_id } = server.clients.device;
  const child = spawn(
    'oidc-gen',
    [
      ...['--client-id', client_id, '--client-secret=', '--issuer', server.issuer, '--scope', SCOPE],
      ...['--flow=device', '--no-url-call', '--prompt=none', '--confirm-default', `--pw-file=${passwordFile}`, 'portcullis'],
    ],
    { env, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let said = '';
  const ended = new Promise((resolve) => child.once('close', resolve));
  const userCode = await new Promise((resolve, reject) => {
    const read = (text) => {
      said += text;
      const code = said.match(/\b[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}\b/);
      if (code) resolve(code[0]);
    };
    child.stdout.setEncoding('utf8').on('data', read);
    child.stderr.setEncoding('utf8').on('data', read);
    ended.then((code) => reject(new Error(`oidc-gen ended with ${code} before it showed a code: ${said}`)));
  });
  return {
    userCode,
    finished: async () => {
      const code = await ended;
      assert.equal(code, 0, said);
      return code;
    },
  };
}
