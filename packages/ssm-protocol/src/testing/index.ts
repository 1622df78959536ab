export { type ChannelFaults, FaultyChannel, seededRandom } from './faulty-channel.ts';
export { VirtualClock } from './virtual-clock.ts';
