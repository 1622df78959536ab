import { describe, expect, test } from 'vitest';
import { parseCommand } from './command.ts';

describe('what a workflow may write', () => {
  test('upload takes every function that shall have the code', () => {
    expect(parseCommand(['upload', '--function', 'a', '--function', 'b'])).toEqual({
      name: 'upload',
      artefact: '.cache/postern/deploy/bootstrap.zip',
      functions: ['a', 'b'],
    });
  });

  test('apply with a manifest applies that and nothing else', () => {
    expect(parseCommand(['apply', '--function', 'a', '--manifest', 'abc', '--database', 'ledger'])).toEqual({
      name: 'apply',
      function: 'a',
      databases: ['ledger'],
      manifest: 'abc',
    });
  });

  test.each([
    [[], '"" is no command'],
    [['drop'], '"drop" is no command'],
    [['constructor'], '"constructor" is no command'],
    [['plan'], 'plan needs --function'],
    [['plan', '--function', 'a', '--function', 'b'], 'plan takes one --function'],
    [['plan', '--function', 'a', '--manifest', 'b'], 'plan takes no --manifest'],
    [['sweep', 'now', '--function', 'a'], 'sweep takes no "now"'],
    [['build', '--ca-file', 'ca.pem'], '--ca-file needs --region'],
    // What is left of a variable that a repository does not have.
    [['apply', '--function', 'a', '--manifest', ''], '--manifest is empty'],
    [['sweep', '--function='], '--function is empty'],
  ])('%j is refused', (argv, message) => {
    expect(() => parseCommand(argv)).toThrow(message);
  });
});
