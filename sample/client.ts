/** What an instance answered. */
export interface Answer {
  status: number;
  /** Which instance it was. */
  instance: string | null;
  headers: Headers;
  /** Parsed JSON, undefined where there was no body. */
  body: unknown;
}

interface Bearer {
  accessToken: string;
}

/** Speaks to one instance as curl would: JSON, and the access token of `as` as a bearer token. */
export function client(url: string) {
  const send = async (method: string, path: string, as?: Bearer, body?: unknown): Promise<Answer> => {
    const response = await fetch(new URL(path, url), {
      method,
      headers: {
        ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
        ...(as ? { Authorization: `Bearer ${as.accessToken}` } : {}),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return {
      status: response.status,
      instance: response.headers.get('x-instance'),
      headers: response.headers,
      body: text === '' ? undefined : (JSON.parse(text) as unknown),
    };
  };
  return {
    get: (path: string, as?: Bearer) => send('GET', path, as),
    post: (path: string, body: unknown, as?: Bearer) => send('POST', path, as, body),
    delete: (path: string, as?: Bearer) => send('DELETE', path, as),
  };
}
