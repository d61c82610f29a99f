// Processor time that a process uses while it waits, after it has trained: the share of one core in a few seconds.
import { setTimeout } from 'node:timers/promises'
import { Engine } from '../lib/engine.mjs'
import { installed } from '../lib/engines.mjs'
import { defaultThreads, fileOf, positive, readTexts } from '../lib/options.mjs'
import { publish } from '../lib/table.mjs'
import { layerCase } from '../suites/layers.mjs'

const options = readTexts({ peers: 'seqloom,pytorch', seconds: '5', threads: defaultThreads, json: undefined })
const seconds = positive('seconds', options.seconds)
const threads = positive('threads', options.threads)
const lines = [['engine', 'share of one core']]
for (const name of installed(options.peers.split(','))) {
  const engine = new Engine(name, threads)
  await engine.prepare(layerCase('lstm', 'train', 32, 64, 128))
  await engine.run(50)
  await setTimeout(500)
  const { cpuMs: before } = await engine.usage()
  await setTimeout(seconds * 1000)
  const { cpuMs: after } = await engine.usage()
  await engine.close()
  lines.push([name, `${((after - before) / seconds / 10).toFixed(2)} %`])
}
publish(`Processor time of an idle process over ${seconds} s`, lines, fileOf(options.json))
