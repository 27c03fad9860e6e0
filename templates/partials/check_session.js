const cookie = `${document.documentElement.dataset.cookie}=`;
const known = /^([A-Za-z0-9._~-]{1,128}) ([A-Za-z0-9_-]{43})\.([A-Za-z0-9_-]{1,64})$/;

function browserState() {
  const found = document.cookie.split('; ').find((pair) => pair.startsWith(cookie));
  return found ? found.slice(cookie.length) : '';
}

async function digest(text) {
  const bytes = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)));
  return btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').replace('=', '');
}

async function compare(message, origin) {
  const parts = typeof message === 'string' && known.exec(message);
  if (!parts) return 'error';
  // A browser that keeps our cookies from frames of other sites would have us say "changed" for ever.
  if (document.hasStorageAccess && !(await document.hasStorageAccess())) return 'error';
  const [, clientId, expected, salt] = parts;
  const found = await digest(`${clientId} ${origin} ${browserState()} ${salt}`);
  return found === expected ? 'unchanged' : 'changed';
}

// The origin is that of the page that asks, told by the browser: of somebody else's session_state it is told nothing but "changed".
// A page without an origin cannot be answered to alone, so it is not answered.
addEventListener('message', async ({ data, origin, source }) => {
  if (!source || source === window || !/^https?:/.test(origin)) return;
  const answer = await compare(data, origin).catch(() => 'error');
  source.postMessage(answer, { targetOrigin: origin });
});