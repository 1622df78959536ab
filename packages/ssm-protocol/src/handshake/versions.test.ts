import { describe, expect, it } from 'vitest';
import { agentCapabilities, clientCapabilities, compareVersions } from './versions.ts';

describe('version gates', () => {
  it.each([
    ['3.0.196.0', { mux: false, needsSmuxKeepAlive: true }],
    ['3.0.197.0', { mux: true, needsSmuxKeepAlive: true }],
    ['3.1.1511.0', { mux: true, needsSmuxKeepAlive: true }],
    ['3.1.1512.0', { mux: true, needsSmuxKeepAlive: false }],
    ['3.3.987.0', { mux: true, needsSmuxKeepAlive: false }],
    // Not what the official agent says, but nobody's reason to refuse a tunnel.
    ['3.3.987', { mux: true, needsSmuxKeepAlive: false }],
    ['3.3.987.0-custom', { mux: true, needsSmuxKeepAlive: false }],
    ['3.0.196.0-custom', { mux: true, needsSmuxKeepAlive: true }],
    ['3.0.196', { mux: false, needsSmuxKeepAlive: true }],
    ['v3.3', { mux: false, needsSmuxKeepAlive: true }],
    ['latest', { mux: false, needsSmuxKeepAlive: true }],
    ['', { mux: false, needsSmuxKeepAlive: true }],
  ])('take agent %j for what it can do', (version, expected) => {
    expect(agentCapabilities(version)).toMatchObject(expected);
  });

  it('know which agents understand the terminate flag in basic mode', () => {
    expect(agentCapabilities('2.3.722.0').terminateFlagInBasicMode).toBe(false);
    expect(agentCapabilities('2.3.723.0').terminateFlagInBasicMode).toBe(true);
  });

  it.each([
    // A plugin built from source announces this: its sessions die after 30 to 60 silent seconds.
    ['1.2.0.0', { mux: true, smuxKeepAlive: true }],
    ['1.2.331.0', { mux: true, smuxKeepAlive: true }],
    ['1.2.332.0', { mux: true, smuxKeepAlive: false }],
    ['1.2.707.0', { mux: true, smuxKeepAlive: false }],
    ['1.1.69.9', { mux: false, smuxKeepAlive: true }],
    ['', { mux: false, smuxKeepAlive: true }],
    ['mytool/1.0', { mux: true, smuxKeepAlive: false }],
  ])('take client %j for what an agent takes it', (version, expected) => {
    expect(clientCapabilities(version)).toEqual(expected);
  });

  it.each([
    ['1.2.331', '1.2.331.0', -1],
    ['1.2.10.0', '1.2.9.0', 1],
    ['1.2.3', '1.2.3', 0],
    ['1.2.3-rc.1', '1.2.3', -1],
    ['1.2.3', '1.2.3-rc.1', 1],
    ['1.2.3-rc.2', '1.2.3-rc.10', -1],
    ['1.2.3+build', '1.2.3', 0],
    ['1.2.a.0', '1.2.3.0', 1],
  ])('the agent orders %s and %s as %i', (a, b, order) => {
    expect(compareVersions(a, b)).toBe(order);
  });
});
