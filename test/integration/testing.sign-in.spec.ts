import { signInTestUser } from 'nestjs-redis-auth/testing';
import { expect, inject, it } from 'vitest';
import { openSessions } from '../support/sessions.js';

it('signInTestUser makes a real session and the header that presents it', async () => {
  await using instance = await openSessions({ redis: inject('redisUrl') });
  const plain = await signInTestUser(instance.sessions);
  expect(plain.authorization).toBe(`Bearer ${plain.accessToken}`);
  expect(await instance.sessions.verify(plain.accessToken)).toMatchObject({ userId: 'test-user', sessionId: plain.sessionId, scopes: [] });

  const admin = await signInTestUser(instance.sessions, 'ada', { scopes: ['admin'], claims: { role: 'admin' } });
  expect(await instance.sessions.verify(admin.accessToken)).toMatchObject({ userId: 'ada', scopes: ['admin'], claims: { role: 'admin' } });
  expect((await instance.sessions.refresh(admin.refreshToken)).sessionId).toBe(admin.sessionId);
});
