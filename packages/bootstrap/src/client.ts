export { type BootstrapClient, type BootstrapClientOptions, createBootstrapClient } from './client/client.ts';
