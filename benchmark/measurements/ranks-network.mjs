// Hosts made of network namespaces (as root, on Linux), and a network between them: a bridge, whose rate and delay `tc` sets, or, for a delay on a
// kernel without netem, a relay of our own.
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The first three numbers of all addresses. */
export const network = '10.77.0'

const run = (command, ...args) => execFileSync(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
const quiet = (command, ...args) => spawnSync(command, args, { stdio: 'ignore' })
const inside = (name, ...args) => run('ip', 'netns', 'exec', name, ...args)

/** A number with a unit, such as 1ms or 200mbit, in seconds or bits a second. */
function quantity(text, units, what) {
  const [, number, unit] = /^([\d.]+)([a-z]+)$/.exec(text) ?? []
  const factor = units[unit]
  if (factor === undefined) throw new Error(`${what} is ${text}; it must be a number with one of ${Object.keys(units)}`)
  return Number(number) * factor
}

/** Seconds of a delay; 0 without one. */
export const seconds = (delay) => (delay ? quantity(delay, { us: 1e-6, ms: 1e-3, s: 1 }, 'delay') : 0)
/** Bits a second of a rate; 0 without one. */
export const bits = (rate) => (rate ? quantity(rate, { kbit: 1e3, mbit: 1e6, gbit: 1e9 }, 'rate') : 0)

/** Hosts of these names, each with an address of its own: what starts a process on one of them, and what removes them. */
export async function makeHosts(names, { rate, delay }, folder) {
  remove(names)
  let relay
  try {
    for (const name of names) {
      run('ip', 'netns', 'add', name)
      inside(name, 'ip', 'link', 'set', 'lo', 'up')
    }
    if (delay && !hasNetem(names[0])) relay = await relayed(names, rate, delay)
    else bridge(names, rate, delay)
  } catch (error) {
    relay?.kill()
    remove(names)
    throw error
  }
  // What Open MPI starts its daemons with, instead of ssh: a host has a name of its own, so that ranks of different ones use the network.
  const agent = join(folder, 'agent.sh')
  const script = '#!/bin/sh\nhost=$1; shift\nexec ip netns exec "$host" unshare --uts sh -c "hostname $host; $*"\n'
  writeFileSync(agent, script, { mode: 0o755 })
  return {
    agent,
    by: relay ? 'relay' : 'tc',
    remove: () => {
      relay?.kill()
      remove(names)
    },
  }
}

function remove(names) {
  for (const name of names) quiet('ip', 'netns', 'del', name)
  quiet('ip', 'link', 'del', 'slbridge')
}

const hasNetem = (name) => {
  const set = (what) =>
    spawnSync('ip', ['netns', 'exec', name, 'tc', 'qdisc', what, 'dev', 'lo', 'root', 'netem', 'delay', '1ms'])
  const { status } = set('add')
  if (status === 0) quiet('ip', 'netns', 'exec', name, 'tc', 'qdisc', 'del', 'dev', 'lo', 'root')
  return status === 0
}

function bridge(names, rate, delay) {
  run('ip', 'link', 'add', 'slbridge', 'type', 'bridge')
  run('ip', 'addr', 'add', `${network}.254/24`, 'dev', 'slbridge')
  run('ip', 'link', 'set', 'slbridge', 'up')
  const shape = delay
    ? ['netem', 'delay', delay, ...(rate ? ['rate', rate] : [])]
    : rate && ['tbf', 'rate', rate, 'burst', '256kb', 'latency', '50ms']
  for (const [at, name] of names.entries()) {
    run('ip', 'link', 'add', `slveth${at}`, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name)
    run('ip', 'link', 'set', `slveth${at}`, 'master', 'slbridge', 'up')
    inside(name, 'ip', 'addr', 'add', `${network}.${at + 1}/24`, 'dev', 'eth0')
    inside(name, 'ip', 'link', 'set', 'eth0', 'up')
    if (shape) inside(name, 'tc', 'qdisc', 'add', 'dev', 'eth0', 'root', ...shape)
  }
}

/** The relay, once the devices of all hosts are there. */
async function relayed(names, rate, delay) {
  const program = fileURLToPath(new URL('./ranks-relay.py', import.meta.url))
  const args = [program, network, String(seconds(delay)), String(bits(rate)), ...names]
  const relay = spawn('python3', args, { stdio: ['ignore', 'pipe', 'inherit'] })
  await new Promise((resolve, reject) => {
    relay.once('error', reject)
    relay.once('exit', (code) => reject(new Error(`the relay ended with ${code}`)))
    relay.stdout.once('data', resolve)
  })
  return relay
}
