import { describe, expect, it } from 'vitest';
import { endpointHarness } from './endpoint-harness.ts';
import { endpointSettings } from './endpoint-variables.ts';

const variables = {
  POSTERN_CONFORMANCE_ENDPOINT: 'https://ssm.eu-west-2.amazonaws.com',
  POSTERN_CONFORMANCE_TARGET: 'i-0a1b2c3d4e5f60718',
  POSTERN_CONFORMANCE_REMOTE: 'echo.internal:7',
};

describe('the variables of an endpoint', () => {
  it('lead to the remote host with the document that AWS has for it', () => {
    const { settings } = { settings: undefined, ...endpointSettings(variables) };
    expect(settings).toEqual({
      endpoint: 'https://ssm.eu-west-2.amazonaws.com',
      target: 'i-0a1b2c3d4e5f60718',
      remote: { host: 'echo.internal', port: 7 },
    });
    expect(settings && endpointHarness(settings).options).toMatchObject({
      remoteHost: 'echo.internal',
      remotePort: 7,
    });
  });

  it.each([
    ['Team-Echo', { name: 'Team-Echo', parameters: { host: 'echo.internal', portNumber: '7' } }],
    ['{"name":"Team-Echo"}', { name: 'Team-Echo', parameters: {} }],
    ['{"name":"Team-Echo","parameters":{"stage":"ci"}}', { name: 'Team-Echo', parameters: { stage: 'ci' } }],
  ])('name a document of one’s own, as %s, that is used with its parameters', (value, document) => {
    const read = endpointSettings({ ...variables, POSTERN_CONFORMANCE_DOCUMENT: value });
    const { settings } = { settings: undefined, ...read };
    expect(settings?.document).toEqual(document);
    const harness = settings && endpointHarness(settings);
    expect(harness?.options).toMatchObject({ document });
    expect([harness?.refused, harness?.forbidden]).toEqual([undefined, undefined]);
  });

  it('are complained of all at once', () => {
    const { problems } = endpointSettings({
      POSTERN_CONFORMANCE_ENDPOINT: 'eu-west-2',
      POSTERN_CONFORMANCE_REMOTE: 'echo.internal',
      POSTERN_CONFORMANCE_DOCUMENT: '{"parameters":{}}',
    });
    expect(problems?.map((problem) => problem.split(' ', 1)[0])).toEqual([
      'POSTERN_CONFORMANCE_ENDPOINT',
      'POSTERN_CONFORMANCE_TARGET',
      'POSTERN_CONFORMANCE_REMOTE',
      'POSTERN_CONFORMANCE_DOCUMENT',
    ]);
  });
});
