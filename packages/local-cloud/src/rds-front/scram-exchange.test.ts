import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { parseScramSecret, scramSecretOf } from '../postgres/scram-secret.ts';
import type { Refusal } from './refusal.ts';
import { ScramExchange, type ScramExchangeOptions } from './scram-exchange.ts';

// The example of RFC 7677, section 3: user "user", password "pencil".
const clientNonce = 'rOprNGfwEbeRWgbNEkqO';
const serverNonce = '%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0';
const salt = 'W22ZaJ0SNY7soEsUEjb6gQ==';
const serverFirst = `r=${clientNonce}${serverNonce},s=${salt},i=4096`;
const proof = 'dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=';
const clientFirst = `n,,n=user,r=${clientNonce}`;
const clientFinal = `c=biws,r=${clientNonce}${serverNonce},p=${proof}`;

async function exchange(options: Partial<ScramExchangeOptions> = {}): Promise<ScramExchange> {
  return new ScramExchange({
    user: 'user',
    secret: parseScramSecret(await scramSecretOf('pencil', Buffer.from(salt, 'base64'))),
    withoutSecret: 'no such role',
    pretence: Buffer.alloc(32, 1),
    certificateHash: undefined,
    nonce: serverNonce,
    ...options,
  });
}

function refusalOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    return `${(error as Refusal).sqlstate} ${(error as Refusal).message}`;
  }
  return 'accepted';
}

test('the example of RFC 7677 comes out right, signature of the server included', async () => {
  const scram = await exchange();
  expect(scram.first('SCRAM-SHA-256', clientFirst)).toBe(serverFirst);
  expect(scram.final(clientFinal)).toBe('v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=');
});

test('a wrong proof, another nonce and another binding are refused, each in its own words', async () => {
  const wrong: [string, string][] = [
    [clientFinal.replace('dHzb', 'AHzb'), '28P01 password authentication failed for user "user"'],
    [clientFinal.replace('r=rOpr', 'r=xOpr'), '08P01 invalid SCRAM response'],
    [
      clientFinal.replace('biws', 'eSws'),
      '08P01 unexpected SCRAM channel-binding attribute in client-final-message',
    ],
    [clientFinal.replace(proof, 'AAAA'), '08P01 malformed SCRAM message'],
    ['nonsense', '08P01 malformed SCRAM message'],
    ['', '08P01 malformed SCRAM message'],
  ];
  for (const [message, refusal] of wrong) {
    const scram = await exchange();
    scram.first('SCRAM-SHA-256', clientFirst);
    expect(refusalOf(() => scram.final(message))).toBe(refusal);
  }
});

test('without a secret even the right proof is wrong', async () => {
  const scram = await exchange({ secret: undefined });
  scram.first('SCRAM-SHA-256', clientFirst);
  expect(refusalOf(() => scram.final(clientFinal))).toBe(
    '28P01 password authentication failed for user "user"',
  );
});

test('first messages that PostgreSQL refuses are refused', async () => {
  const tls = { certificateHash: createHash('sha256').digest() };
  const wrong: [Partial<ScramExchangeOptions>, string, string, string][] = [
    [{}, 'SCRAM-SHA-1', clientFirst, '08P01 client selected an invalid SASL authentication mechanism'],
    [{}, 'SCRAM-SHA-256-PLUS', clientFirst, '08P01 client selected an invalid SASL authentication mechanism'],
    [
      {},
      'SCRAM-SHA-256',
      'n,a=other,n=user,r=abc',
      '0A000 client uses authorization identity, but it is not supported',
    ],
    [{}, 'SCRAM-SHA-256', 'n,,m=x,n=user,r=abc', '0A000 client requires an unsupported SCRAM extension'],
    [{}, 'SCRAM-SHA-256', 'n,,n=user', '08P01 malformed SCRAM message'],
    [{}, 'SCRAM-SHA-256', '', '08P01 malformed SCRAM message'],
    [{}, 'SCRAM-SHA-256', 'p=tls-server-end-point,,n=,r=abc', '08P01 malformed SCRAM message'],
    [tls, 'SCRAM-SHA-256-PLUS', clientFirst, '08P01 malformed SCRAM message'],
    [
      tls,
      'SCRAM-SHA-256-PLUS',
      'p=tls-unique,,n=,r=abc',
      '08P01 unsupported SCRAM channel-binding type "tls-unique"',
    ],
    [tls, 'SCRAM-SHA-256', 'y,,n=,r=abc', '28000 SCRAM channel binding negotiation error'],
  ];
  for (const [options, mechanism, message, refusal] of wrong) {
    const scram = await exchange(options);
    expect(refusalOf(() => scram.first(mechanism, message))).toBe(refusal);
  }
});

test('binding data of another certificate is refused, which is what stops a man in the middle', async () => {
  const scram = await exchange({ certificateHash: createHash('sha256').update('ours').digest() });
  scram.first('SCRAM-SHA-256-PLUS', `p=tls-server-end-point,,n=user,r=${clientNonce}`);
  const header = Buffer.from('p=tls-server-end-point,,');
  const theirs = Buffer.concat([header, createHash('sha256').update('theirs').digest()]).toString('base64');
  expect(refusalOf(() => scram.final(clientFinal.replace('biws', theirs)))).toBe(
    '28000 SCRAM channel binding check failed',
  );
});
