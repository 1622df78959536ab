import { openTunnel } from '@postern/ssm-tunnel';
import { echoedText } from '../stream-io.ts';

// A program that uses a tunnel once, as a build job does: the options are its argument, the answer its output.
const tunnel = await openTunnel(JSON.parse(process.argv[2] ?? '{}'));
const stream = tunnel.connect();
process.stdout.write(await echoedText(stream, 'hello'));
stream.destroy();
await tunnel.close();
