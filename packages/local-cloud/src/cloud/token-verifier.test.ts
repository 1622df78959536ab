import { Signer } from '@aws-sdk/rds-signer';
import { beforeEach, describe, expect, test } from 'vitest';
import type { Credentials, PolicyDocument } from '../iam/index.ts';
import { IamDirectory } from '../iam/index.ts';
import type { TokenVerdict } from '../rds-front/token-verifier.ts';
import { createRdsTokenVerifier } from './token-verifier.ts';

const region = 'eu-west-2';
const accountId = '123456789012';
const host = 'postern-local.cluster-x.eu-west-2.rds.amazonaws.com';
const port = 34567;
const clusterResourceId = 'cluster-LOCALPOSTERN';
const dbUser = (resource: string): string => `arn:aws:rds-db:${region}:${accountId}:dbuser:${resource}`;
const connect = (Resource: string, Effect: 'Allow' | 'Deny' = 'Allow'): PolicyDocument => ({
  Version: '2012-10-17',
  Statement: { Effect, Action: 'rds-db:connect', Resource },
});
const trust: PolicyDocument = { Statement: { Effect: 'Allow', Principal: '*', Action: 'sts:AssumeRole' } };

let iam: IamDirectory;
let time: { offsetMs: number };
beforeEach(() => {
  time = { offsetMs: 0 };
  iam = new IamDirectory({ accountId, clock: now });
  iam.createUser('ada', { policies: { connect: connect(dbUser(`${clusterResourceId}/pt_*`)) } });
  iam.createRole('ci', { trust, policies: { connect: connect(dbUser(`${clusterResourceId}/pt_*`)) } });
});
const now = (): number => Date.now() + time.offsetMs;

interface Asked {
  readonly credentials?: Credentials;
  readonly hostname?: string;
  readonly port?: number;
  readonly region?: string;
  readonly username?: string;
  /** The user who logs in, when it is not the one in the token. */
  readonly user?: string;
  readonly edit?: (token: string) => string;
}
async function verify(asked: Asked = {}): Promise<TokenVerdict> {
  const { username = 'pt_ledger_app', edit = (token) => token } = asked;
  const credentials = asked.credentials ?? iam.createAccessKey('ada');
  const signer = new Signer({ hostname: host, port, region, username, ...asked, credentials });
  const verifier = createRdsTokenVerifier({ region, clusterResourceId, iam, clock: now });
  return verifier.verify({
    token: edit(await signer.getAuthToken()),
    host,
    port,
    user: asked.user ?? username,
  });
}

describe('a token opens the door', () => {
  test('of a user', async () => {
    expect(await verify()).toEqual({ ok: true, principalArn: `arn:aws:iam::${accountId}:user/ada` });
  });

  test('of an assumed role, with its long token', async () => {
    const credentials = iam.assume('ci', { sessionName: 'run-7', expiresInMs: 60_000 });
    expect(await verify({ credentials })).toEqual({
      ok: true,
      principalArn: `arn:aws:sts::${accountId}:assumed-role/ci/run-7`,
    });
  });

  test('for a user name that needs encoding', async () => {
    expect(await verify({ username: 'pt_a b+c/d=e%&ü' })).toMatchObject({ ok: true });
  });

  test('until 15 minutes are over', async () => {
    time.offsetMs = 14 * 60_000;
    expect(await verify()).toMatchObject({ ok: true });
    time.offsetMs = 16 * 60_000;
    expect(await verify()).toMatchObject({
      ok: false,
      reason: expect.stringMatching(/^stale: Signature expired/),
    });
  });
});

const minute = 60_000;
describe('a token is refused', () => {
  const rows: ReadonlyArray<readonly [string, () => Asked, RegExp]> = [
    [
      'for another host',
      () => ({ hostname: 'other.rds.amazonaws.com' }),
      /^signed for other\.rds\.amazonaws\.com:34567, but this is/,
    ],
    ['for the host in another letter case', () => ({ hostname: host.toUpperCase() }), /^signed for /],
    [
      'for localhost, the usual mistake with tunnels',
      () => ({ hostname: '127.0.0.1' }),
      /^signed for 127\.0\.0\.1/,
    ],
    ['for another port', () => ({ port: 5432 }), /:5432, but this is .*:34567$/],
    ['for another region', () => ({ region: 'eu-west-1' }), /^region: .*'eu-west-1'/],
    ['for another user', () => ({ user: 'pt_other' }), /^signed for another user than pt_other/],
    ['for the user in another letter case', () => ({ username: 'pt_App', user: 'pt_app' }), /case-sensitive/],
    [
      'by an unknown key',
      () => ({ credentials: { accessKeyId: 'AKIAUNKNOWN234567ABC', secretAccessKey: 'x' } }),
      /^unknown-key: /,
    ],
    [
      'by a wrong secret',
      () => ({ credentials: { ...iam.createAccessKey('ada'), secretAccessKey: 'x' } }),
      /^signature: /,
    ],
    [
      'by temporary credentials without their token',
      () => {
        const { accessKeyId, secretAccessKey } = iam.createSession('ada', { expiresInMs: minute });
        return { credentials: { accessKeyId, secretAccessKey } };
      },
      /^unknown-key: /,
    ],
    [
      'by expired credentials, however fresh the token',
      () => {
        const { accessKeyId, secretAccessKey, sessionToken } = iam.assume('ci', {
          sessionName: 'run-7',
          expiresInMs: minute,
        });
        iam.setExpiration(accessKeyId, Date.now() - 1);
        return { credentials: { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) } };
      },
      /^expired: /,
    ],
    [
      'by a deleted key',
      () => {
        const credentials = iam.createAccessKey('ada');
        iam.deleteAccessKey(credentials.accessKeyId);
        return { credentials };
      },
      /^unknown-key: /,
    ],
    [
      'without any permission',
      () => {
        iam.createUser('nobody');
        return { credentials: iam.createAccessKey('nobody') };
      },
      /^User: .*user\/nobody is not authorized to perform: rds-db:connect on resource: arn:aws:rds-db:eu-west-2:123456789012:dbuser:cluster-LOCALPOSTERN\/pt_ledger_app because no identity-based policy/,
    ],
    [
      'for a user that the policy does not name',
      () => ({ username: 'ledger_app' }),
      /not authorized to perform: rds-db:connect/,
    ],
    [
      'with a policy that has the cluster identifier instead of the resource id',
      () => {
        iam.createUser('bob', { policies: { connect: connect(dbUser('postern-local/*')) } });
        return { credentials: iam.createAccessKey('bob') };
      },
      /not authorized to perform: rds-db:connect/,
    ],
    [
      'with a policy for rds: instead of rds-db:',
      () => {
        const policy: PolicyDocument = { Statement: { Effect: 'Allow', Action: 'rds:*', Resource: '*' } };
        iam.createUser('carl', { policies: { policy } });
        return { credentials: iam.createAccessKey('carl') };
      },
      /not authorized to perform: rds-db:connect/,
    ],
    [
      'with an explicit deny',
      () => {
        iam.putPolicy('ada', 'deny', connect('*', 'Deny'));
        return {};
      },
      /explicit deny/,
    ],
    ['cut off', () => ({ edit: (token) => token.slice(0, 255) }), /^incomplete: /],
    ['that is a password', () => ({ edit: () => 'p$?#1' }), /^not a token/],
    ['with its scheme', () => ({ edit: (token) => `https://${token}` }), /^not a token|^signed for/],
    [
      'with another action',
      () => ({ edit: (token) => token.replace('Action=connect', 'Action=describe') }),
      /^Action is not connect/,
    ],
    [
      'with a second user',
      () => ({ edit: (token) => `${token}&DBUser=postern_master` }),
      /^signed for another user/,
    ],
    ['with one more parameter', () => ({ edit: (token) => `${token}&x=y` }), /^signature: /],
    [
      'with a longer life than 15 minutes',
      () => ({ edit: (token) => token.replace('X-Amz-Expires=900', 'X-Amz-Expires=3600') }),
      /^incomplete: X-Amz-Expires/,
    ],
    [
      'with a changed signature',
      () => ({
        edit: (token) =>
          token.replace(/Signature=(.)/, (_all, c: string) => `Signature=${c === '0' ? '1' : '0'}`),
      }),
      /^signature: /,
    ],
  ];
  test.each(rows)('%s', async (_name, asked, reason) => {
    const verdict = await verify(asked());
    expect(verdict).toEqual({ ok: false, reason: expect.stringMatching(reason) });
  });
});

test('a raw plus sign in a user name means what its signer meant, and nothing else', async () => {
  const credentials = iam.createAccessKey('ada');
  const tokenOf = async (username: string): Promise<string> =>
    new Signer({ hostname: host, port, region, username, credentials }).getAuthToken();
  const verifier = createRdsTokenVerifier({ region, clusterResourceId, iam, clock: now });
  const ask = async (token: string, user: string): Promise<boolean> =>
    (await verifier.verify({ token, host, port, user })).ok;
  // The signature is the same for both spellings: a proxy or another signer may have put the plus there.
  const plus = (await tokenOf('pt_a+b')).replace('pt_a%2Bb', 'pt_a+b');
  expect(await ask(plus, 'pt_a+b')).toBe(true);
  expect(await ask(plus, 'pt_a b')).toBe(false);
  const space = (await tokenOf('pt_a b')).replace('pt_a%20b', 'pt_a+b');
  expect(await ask(space, 'pt_a b')).toBe(true);
  expect(await ask(space, 'pt_a+b')).toBe(false);
});

test('a reason never holds the token, the secret or the password that was sent', async () => {
  const credentials = iam.createSession('ada', { expiresInMs: minute });
  for (const asked of [
    { port: 1 },
    { user: 'x' },
    { edit: (token: string) => `${token}0` },
    { edit: () => 'hunter2:/?w0rd' },
  ]) {
    const verdict = await verify({ credentials, ...asked });
    const text = JSON.stringify(verdict);
    for (const secret of [
      credentials.secretAccessKey,
      credentials.sessionToken ?? '',
      'X-Amz-Signature',
      'w0rd',
      'hunter2',
    ]) {
      expect(text).not.toContain(secret);
    }
  }
});
