import { expect, test } from 'vitest';
import { redact, redactLogTail } from './redact.ts';

// Of the characters that RDS puts into the passwords it manages.
const password = `h%,X}]{;&<|:'!`;
const json = JSON.stringify({ username: 'postgres', password, port: 5432 });

test.each([
  ['JSON', json],
  ['JSON in JSON, as a log of JSON lines shows it', JSON.stringify({ message: json, level: 'info' })],
  ['JSON in JSON in JSON', JSON.stringify({ message: JSON.stringify({ message: json }) })],
  ['what console.log makes of an object', `{ username: 'x', password: "${password}" }`],
  ['a variable', 'PGPASSWORD=h%,X}]{;'],
  ['a connection string', 'postgres://postgres:h%,X}]{;@db.test/x'],
  ['JSON whose end is cut off', '{"password":"h%,X}]{;'],
])('a password in %s is not shown', (_where, text) => {
  expect(redact(text)).not.toMatch(/h%|X}/);
  expect(redact(text)).toContain('***');
});

test('what stands around a secret stays readable', () => {
  expect(redact(json)).toBe('{"username":"postgres","password":***,"port":5432}');
  expect(redact('password authentication failed for user "x"')).toBe(
    'password authentication failed for user "x"',
  );
});

test.each([
  'db:5432/?Action=connect&X-Amz-Credential=AKIA1/x&X-Amz-Security-Token=sss&X-Amz-Signature=sss&y=1',
  'X-Amz-Signature%3Dsss%26',
  'x-amz-security-token: sss',
  `'AWS_SECRET_ACCESS_KEY': 'sss'`,
  '{"SecretAccessKey":"sss","SessionToken":"sss"}',
  'Authorization: AWS4-HMAC-SHA256 Credential=AK/sss, SignedHeaders=host, Signature=sss',
  'authorization: Bearer sss.sss-sss',
])('tokens and keys are not shown: %s', (text) => {
  expect(redact(text)).not.toContain('sss');
});

test('the first line of a full log is left out, because a secret may be cut there', () => {
  const tail = `rest-of-a-secret"}\nREPORT ${'x'.repeat(5000)}`.slice(0, 4096);
  expect(redactLogTail(Buffer.from(tail).toString('base64'))).toMatch(/^REPORT x+$/);
  expect(redactLogTail(Buffer.from('START\nEND\n').toString('base64'))).toBe('START\nEND\n');
});

test.each([
  ['one word', 'x'],
  ['dashes', '-'],
  ['names without a value', 'password '],
  ['values that are never closed', `password=\\"x' `],
  ['connection strings without a password', '://a:'],
  ['backslashes', '\\'],
  ['quotes', `"'`],
])('an error that quotes a megabyte of %s is told at once, not after minutes', (_what, part) => {
  const text = `${part.repeat(1_000_000 / part.length)} PGPASSWORD=hunter2`;
  // Quadratic time would be minutes: the test's own time limit says so.
  expect(redact(text)).not.toContain('hunter2');
});
