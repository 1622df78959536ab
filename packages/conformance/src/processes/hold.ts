import { openTunnel } from '@postern/ssm-tunnel';

// A program that has a tunnel until somebody kills it.
const tunnel = await openTunnel(JSON.parse(process.argv[2] ?? '{}'));
await tunnel.listen();
process.stdout.write(`${tunnel.sessionId}\n`);
