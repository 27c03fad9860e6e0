// `portcullis serve` on PostgreSQL with what the demo has: three clients and an API.

import { startInstallation } from './installation.js';

const AUDIENCE = 'https://api.example/';
const REDIRECT_URI = 'http://127.0.0.1/callback'; // nothing listens: the tests read the Location header

/** Resolves to what `startDemo` resolves to, save the playground. */
export async function startOnPostgres() {
  const installation = await startInstallation({ target: 'postgres' });
  try {
    return { ...installation, clients: await seed(installation.portcullis) };
  } catch (error) {
    await installation.stop();
    throw error;
  }
}

/** Makes an API and the three clients, with `portcullis(…arguments)`. */
export async function seed(portcullis) {
  await portcullis('api', 'create', AUDIENCE, '--name', 'Example', '--scope', 'api:read=Read');
  const webScope = 'openid profile email offline_access';
  const deviceScope = 'openid profile offline_access';
  const [web, service, device] = await Promise.all([
    portcullis('client', 'create', '--json', '--name', 'Web', '--redirect-uri', REDIRECT_URI, '--scope', webScope,
      '--grant-type', 'authorization_code', '--grant-type', 'refresh_token'),
    portcullis('client', 'create', '--json', '--name', 'Service', '--scope', 'api:read',
      '--grant-type', 'client_credentials'),
    portcullis('client', 'create', '--json', '--name', 'Device', '--scope', deviceScope, '--public',
      '--grant-type', 'device_code', '--grant-type', 'refresh_token'),
  ]);
  return {
    web: { ...web, redirect_uris: [REDIRECT_URI], scope: webScope },
    device: { ...device, scope: deviceScope },
    service: { ...service, scope: 'api:read', audience: AUDIENCE },
  };
}
