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
      functions: ['a'],
      databases: ['ledger'],
      manifest: 'abc',
    });
  });

  test('an environment stands for the names', () => {
    expect(parseCommand(['sweep', '--env', 'staging', '--again'])).toEqual({
      name: 'sweep',
      functions: [],
      environment: 'staging',
      again: true,
    });
  });

  test('help is given for the asking, also in the middle of a command', () => {
    for (const args of [['--help'], ['-h'], ['plan', '--help']])
      expect(parseCommand(args)).toEqual({ name: 'help' });
  });

  test.each([
    [[], 'A command is missing'],
    [['drop'], '"drop" is no command'],
    [['constructor'], '"constructor" is no command'],
    [['plan'], 'plan needs --function or --env'],
    [['plan', '--function', 'a', '--function', 'b'], 'plan takes one --function'],
    [['plan', '--function', 'a', '--manifest', 'b'], 'plan takes no --manifest'],
    [['sweep', 'now', '--function', 'a'], 'sweep takes no "now"'],
    [['build', '--ca-file', 'ca.pem'], '--ca-file needs --region'],
    [['build', '--env', 'staging', '--region', 'eu-west-2'], 'leave out --region'],
    [['plan', '--force', '--function', 'a'], "Unknown option '--force'"],
    [['plan', '--env='], '--env is empty'],
    // What is left of a variable that a repository does not have.
    [['apply', '--function', 'a', '--manifest', ''], '--manifest is empty'],
    [['sweep', '--function='], '--function is empty'],
  ])('%j is refused', (argv, message) => {
    expect(() => parseCommand(argv)).toThrow(message);
  });
});
