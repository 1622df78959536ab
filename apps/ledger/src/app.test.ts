import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { createApp } from './app.ts';

/** Nobody listens there. */
const nowhere = { host: '/nonexistent', database: 'ledger', user: 'ledger_app' };

describe('without a database', () => {
  test('says so and asks to come back, instead of failing', async () => {
    await using app = createApp({ database: nowhere });
    const answer = await app.inject('/health');

    expect(answer.statusCode).toBe(503);
    expect(answer.headers['retry-after']).toBe('1');
    expect(answer.json()).toMatchObject({ code: 'DATABASE_UNAVAILABLE', kind: 'unavailable' });
  });

  test('malformed requests are refused before a connection is asked for', async () => {
    await using app = createApp({ database: nowhere });
    const refused = [
      await app.inject({ url: '/accounts' }),
      await app.inject({ url: '/accounts', headers: { 'x-ledger-tenant': 'me' } }),
      await app.inject({ url: '/accounts', headers: { 'x-ledger-tenant': `urn:uuid:${randomUUID()}` } }),
      await app.inject({ method: 'POST', url: '/tenants', payload: {} }),
      await app.inject({
        method: 'POST',
        url: '/tenants',
        headers: { 'content-type': 'application/json' },
        payload: '{',
      }),
    ];
    for (const answer of refused) {
      expect(answer.statusCode).toBe(400);
      expect(answer.json()).toMatchObject({ code: 'REQUEST_INVALID', kind: 'invalid' });
    }
  });

  test('an unknown path has an answer of the same shape', async () => {
    await using app = createApp({ database: nowhere });
    const answer = await app.inject('/nothing');
    expect(answer.statusCode).toBe(404);
    expect(answer.json()).toMatchObject({ code: 'ROUTE_NOT_FOUND', kind: 'not-found' });
  });
});
