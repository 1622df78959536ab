import { expect, test } from 'vitest';
import { deniedAddresses, networkProblem } from './denied-addresses.ts';

test('an agent forwards to no metadata, DNS or time service, but to anything else', () => {
  const denied = deniedAddresses([]);
  expect(
    ['169.254.169.254', '169.254.169.253', '169.254.169.123', 'fd00:ec2::254'].filter(denied),
  ).toHaveLength(4);
  expect(['127.0.0.1', '::1', '169.254.170.2', '10.0.0.1', 'db.internal'].filter(denied)).toEqual([]);
});

test('of the networks of its VPC it refuses the first four addresses and the last one', () => {
  const denied = deniedAddresses(['10.20.0.0/16', '192.168.1.200/25', 'fd12:3456::/56']);
  expect(['10.20.0.0', '10.20.0.1', '10.20.0.2', '10.20.0.3', '10.20.255.255'].filter(denied)).toHaveLength(
    5,
  );
  expect(['192.168.1.128', '192.168.1.131', '192.168.1.255'].filter(denied)).toHaveLength(3);
  expect(['fd12:3456::', 'fd12:3456::3', 'fd12:3456:0:ff:ffff:ffff:ffff:ffff'].filter(denied)).toHaveLength(
    3,
  );
  expect(['10.20.0.4', '10.20.255.254', '192.168.1.1', 'fd12:3456::4', '10.21.0.0'].filter(denied)).toEqual(
    [],
  );
});

test('a network that is none is named', () => {
  expect(['10.0.0.0/16', 'fd12::/56', '::1/128'].map(networkProblem)).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
  for (const network of ['10.0.0.0', '10.0.0.0/33', 'ten/8', 'fd12::/129', '10.0.0.0/x'])
    expect(networkProblem(network)).toBe(`${network} is no network such as 10.0.0.0/16`);
});
