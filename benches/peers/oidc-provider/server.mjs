// npm `oidc-provider` as an operator would set it up for production, on the in-memory adapter that it comes with: that one
// keeps at most 2 × 1,000 entries, the least recently used go, so memory stays bounded and old tokens are forgotten.
// Prints its address as one line; ends when its standard input does.
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';

import { Provider } from 'oidc-provider';

const SECRET = 'a-secret-of-the-benchmark-and-of-nothing-else';
const PERSON = 'alice';
// Access tokens of each API, in the form that this library calls them by.
const APIS = {
  'https://es256.example': { accessTokenFormat: 'jwt', jwt: { sign: { alg: 'ES256' } } },
  'https://rs256.example': { accessTokenFormat: 'jwt', jwt: { sign: { alg: 'RS256' } } },
  'https://opaque.example': { accessTokenFormat: 'opaque' },
};
const API_SCOPE = 'jobs:run';
const OIDC_SCOPE = 'openid profile email offline_access';

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

function signingKey(alg, type, options) {
  const { privateKey } = generateKeyPairSync(type, options);
  return { ...privateKey.export({ format: 'jwk' }), alg, use: 'sig', kid: `key-${alg}` };
}

function client(id, grantTypes) {
  const redirects = grantTypes.includes('authorization_code');
  return {
    client_id: id,
    client_secret: SECRET,
    token_endpoint_auth_method: 'client_secret_basic',
    grant_types: grantTypes,
    redirect_uris: redirects ? ['https://client.example/callback'] : [],
    response_types: redirects ? ['code'] : [],
    id_token_signed_response_alg: 'ES256',
  };
}

const configuration = {
  // Without `openid` and `prompt=consent` this library drops `offline_access`: who gets refresh tokens is up to the client.
  clients: [
    client('web', ['authorization_code']),
    client('offline', ['authorization_code', 'refresh_token']),
    client('service', ['client_credentials']),
    client('device', ['urn:ietf:params:oauth:grant-type:device_code']),
  ],
  jwks: { keys: [
    signingKey('ES256', 'ec', { namedCurve: 'P-256' }),
    signingKey('RS256', 'rsa', { modulusLength: 2048 }),
  ] },
  cookies: { keys: [randomBytes(32).toString('base64url')] },
  scopes: OIDC_SCOPE.split(' '),
  claims: { openid: ['sub'], profile: ['name'], email: ['email', 'email_verified'] },
  pkce: { required: () => true },
  rotateRefreshToken: true,
  issueRefreshToken: (_ctx, client) => client.grantTypeAllowed('refresh_token'),
  expiresWithSession: () => false,
  // The client is the operator's own: nobody is asked.
  async loadExistingGrant(ctx) {
    const known = ctx.oidc.session.grantIdFor(ctx.oidc.client.clientId);
    if (known) return ctx.oidc.provider.Grant.find(known);
    const grant = new ctx.oidc.provider.Grant({
      clientId: ctx.oidc.client.clientId,
      accountId: ctx.oidc.session.accountId,
    });
    grant.addOIDCScope(OIDC_SCOPE);
    for (const audience of Object.keys(APIS)) grant.addResourceScope(audience, API_SCOPE);
    await grant.save();
    return grant;
  },
  findAccount: (_ctx, sub) => ({
    accountId: sub,
    claims: () => ({ sub, name: 'Alice Example', email: 'alice@example.com', email_verified: true }),
  }),
  interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
  ttl: {
    AccessToken: HOUR, AuthorizationCode: MINUTE, ClientCredentials: HOUR, DeviceCode: 30 * MINUTE, Grant: 30 * DAY,
    IdToken: HOUR, Interaction: HOUR, RefreshToken: 14 * DAY, Session: 14 * DAY,
  },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    deviceFlow: { enabled: true },
    introspection: { enabled: true, allowedPolicy: (_ctx, client, token) => token.clientId === client.clientId },
    revocation: { enabled: true },
    resourceIndicators: {
      enabled: true,
      // Named in the authorization request; the token request need not repeat it, as with ours.
      useGrantedResource: () => true,
      getResourceServerInfo: (_ctx, resource) => ({
        audience: resource, scope: API_SCOPE, accessTokenTTL: HOUR, ...APIS[resource],
      }),
    },
  },
};

// The issuer has the port in it, which is known once there is a listener.
const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, configuration);
  const answer = provider.callback();
  server.on('request', (request, response) => {
    // The page that asks for a password is left out: whoever is sent here is signed in.
    if (request.url.startsWith('/interaction/')) {
      provider.interactionFinished(request, response, { login: { accountId: PERSON } }).catch((error) => {
        response.writeHead(500).end(String(error));
      });
    } else {
      answer(request, response);
    }
  });
  process.stdout.write(`127.0.0.1:${server.address().port}\n`);
});
process.stdin.resume().on('end', () => process.exit(0));
