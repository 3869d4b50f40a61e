/**
 * A process of its own, so that its memory can be told: 500 members in ten groups, and their coordinator, in one round. Prints one JSON line.
 * Key encapsulation is a stand-in with the same sizes: memory does not depend on it, and minutes do.
 */
import { nodeGroupPorts } from '../src/node/group-ports.ts';
import { standInPrimitives } from '../src/simulation/secagg-stand-ins.ts';
import { makeGroup } from './secagg-group.ts';
import { playSession } from './secagg-session.ts';

const [groups, size, dimension] = process.argv.slice(2).map(Number);
const real = await nodeGroupPorts();
const { sha256, randomBytes } = real.primitives;
const ports = { ...real, primitives: { ...real.primitives, kem: standInPrimitives(sha256, randomBytes).kem } };
const made = Array.from({ length: groups }, () => makeGroup(size, dimension, ports.primitives));
// Side by side: no group is done before all have begun.
await Promise.all(made.map(group => playSession(group, { ports })));
process.stdout.write(`${JSON.stringify({ megabytes: (process.resourceUsage().maxRSS * 1024) / 1e6 })}\n`);
