// A device without a browser (RFC 8628). Node's own modules only: tests/browser uses it too.

import { request } from 'node:http';

export const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code';

const TV = 'Mozilla/5.0 (Web0S; Linux/SmartTV) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/108.0.0.0 Safari/537.36';

/** Posts a form, from the address `from` of this machine; resolves to `{ status, json }`. */
function post(url, fields, from) {
  const { hostname, port, pathname } = new URL(url);
  const options = {
    method: 'POST',
    host: from ? '127.0.0.1' : hostname,
    localAddress: from,
    port,
    path: pathname,
    headers: { 'content-type': 'application/x-www-form-urlencoded', 'user-agent': TV },
  };
  return new Promise((resolve, reject) => {
    const sent = request(options, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text) => (body += text));
      response.on('end', () => resolve({ status: response.statusCode, json: JSON.parse(body) }));
    });
    sent.on('error', reject);
    sent.end(new URLSearchParams(fields).toString());
  });
}

/** Asks to be let in; resolves to the answer of the device authorization endpoint. */
export async function startDevice(server, { from, scope = 'openid profile offline_access' } = {}) {
  const { client_id } = server.clients.device;
  const { status, json } = await post(`${server.issuer}/device/code`, { client_id, scope }, from);
  if (status !== 200) throw new Error(`${status} ${JSON.stringify(json)}`);
  return json;
}

/** Asks once whether somebody has let the device in; resolves to `{ status, json }`. */
export function poll(server, { device_code }) {
  const { client_id } = server.clients.device;
  return post(`${server.issuer}/token`, { grant_type: DEVICE_GRANT, client_id, device_code });
}
