import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Refusal } from './refusal.ts';
import { MECHANISM, ScramExchange, scramSecretOf } from './scram.ts';

describe('SCRAM-SHA-256', () => {
  it('is that of RFC 7677 section 3', () => {
    const salt = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64');
    const exchange = new ScramExchange({ salt, nonce: '%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0' });
    expect(exchange.first(MECHANISM, 'n,,n=user,r=rOprNGfwEbeRWgbNEkqO')).toBe(
      'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
    );
    const right = scramSecretOf('pencil', salt);
    const last =
      'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=';
    expect(exchange.final(last, [scramSecretOf('crayon', salt), right])).toEqual({
      candidate: right,
      data: 'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
    });
    expect(exchange.final(last, [scramSecretOf('crayon', salt)])).toBeUndefined();
    expect(exchange.final(last, [])).toBeUndefined();
  });

  it('finds the password among those of several runs', () => {
    const salt = Buffer.alloc(16, 7);
    const passwords = ['one', 'two', 'three'];
    const secrets = passwords.map((password) => ({ password, ...scramSecretOf(password, salt) }));
    for (const password of [...passwords, 'four']) {
      const exchange = new ScramExchange({ salt });
      const bare = 'n=,r=abc';
      const first = exchange.first(MECHANISM, `y,,${bare}`);
      const nonce = first.slice(2, first.indexOf(','));
      const withoutProof = `c=${Buffer.from('y,,').toString('base64')},r=${nonce}`;
      const proof = proofOf(password, salt, `${bare},${first},${withoutProof}`);
      const found = exchange.final(`${withoutProof},p=${proof}`, secrets);
      expect(found?.candidate.password).toBe(password === 'four' ? undefined : password);
    }
  });

  it('refuses what is no SCRAM, and a channel binding where there is no channel', () => {
    const salt = Buffer.alloc(16);
    const begun = (): ScramExchange => {
      const exchange = new ScramExchange({ salt, nonce: 'server' });
      exchange.first(MECHANISM, 'n,,n=,r=client');
      return exchange;
    };
    const proof = Buffer.alloc(32).toString('base64');
    for (const attempt of [
      () => begun().first('SCRAM-SHA-256-PLUS', 'n,,n=,r=client'),
      () => begun().first(MECHANISM, 'p=tls-server-end-point,,n=,r=client'),
      () => begun().first(MECHANISM, 'n,a=other,n=,r=client'),
      () => begun().first(MECHANISM, 'n,,m=ext,n=,r=client'),
      () => begun().first(MECHANISM, 'n,,n=,r='),
      () => begun().final(`c=eSws,r=clientserver,p=${proof}`, []),
      () => begun().final(`c=biws,r=clientother,p=${proof}`, []),
      () => begun().final('c=biws,r=clientserver,p=short', []),
      () => new ScramExchange({ salt }).final(`c=biws,r=,p=${proof}`, []),
    ])
      expect(attempt).toThrow(Refusal);
  });

  it('takes any text for a message and refuses it', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (one, two) => {
        const exchange = new ScramExchange({ salt: Buffer.alloc(16) });
        expect(() => exchange.final(two, [])).toThrow(Refusal);
        try {
          exchange.first(MECHANISM, one);
        } catch (error) {
          expect(error).toBeInstanceOf(Refusal);
        }
      }),
    );
  });
});

/** The client's side of RFC 5802 section 3. */
function proofOf(password: string, salt: Buffer, signed: string): string {
  const hmac = (key: Buffer, data: string): Buffer => createHmac('sha256', key).update(data).digest();
  const clientKey = hmac(pbkdf2Sync(password, salt, 4096, 32, 'sha256'), 'Client Key');
  const storedKey = createHash('sha256').update(clientKey).digest();
  const signature = hmac(storedKey, signed);
  return Buffer.from(clientKey.map((byte, index) => byte ^ (signature[index] as number))).toString('base64');
}
