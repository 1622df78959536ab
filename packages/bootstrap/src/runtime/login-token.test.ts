import { Signer } from '@aws-sdk/rds-signer';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { readLoginToken } from './login-token.ts';

beforeEach(() => vi.useFakeTimers({ toFake: ['Date'], now: Date.UTC(2026, 10, 22, 12, 0, 0) }));
afterEach(() => vi.useRealTimers());

const secret = { arn: 'arn:aws:secretsmanager:eu-west-2:123456789012:secret:master' };

/** Parameters in any order, as a server reads them. */
function read(token: string): { at: string; parameters: Record<string, string> } {
  const [at = '', query = ''] = token.split('/?');
  return { at, parameters: Object.fromEntries(new URLSearchParams(query)) };
}

test('the token is the one that AWS would have made, whatever the names and with temporary credentials', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.string({ unit: 'grapheme', minLength: 1, maxLength: 63 }),
      fc.option(fc.base64String({ minLength: 4, maxLength: 400 }), { nil: undefined }),
      async (user, sessionToken) => {
        const config = { host: 'app.cluster-abc.eu-west-2.rds.amazonaws.com', port: 5432, secret };
        const own = await readLoginToken(config, user, {
          AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE',
          AWS_SECRET_ACCESS_KEY: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
          ...(sessionToken === undefined ? {} : { AWS_SESSION_TOKEN: sessionToken }),
        });
        const signer = new Signer({
          hostname: config.host,
          port: config.port,
          username: user,
          region: 'eu-west-2',
          credentials: {
            accessKeyId: 'AKIDEXAMPLE',
            secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
            ...(sessionToken === undefined ? {} : { sessionToken }),
          },
        });
        expect(read(own)).toEqual(read(await signer.getAuthToken()));
      },
    ),
  );
});

test('with a secret from a file the region has to be said', async () => {
  const config = { host: 'db.test', port: 5432, secret: { file: '/run/secret' } };
  await expect(readLoginToken(config, 'shop_migrator', {})).rejects.toMatchObject({
    code: 'BOOTSTRAP_CONFIG_INVALID',
    message: 'AWS_REGION is not set',
    hint: expect.stringContaining('POSTERN_MIGRATE_AS=master'),
  });
});
