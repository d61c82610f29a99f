// Peak memory and time of loading large model files of each format, and peak memory of loading and saving them again:
// memory as a multiple of the files, above that of a process that has only loaded the library; time as a multiple of that
// of reading them into memory (`readFileSync`, warm cache), and of passing through them with one buffer of a megabyte, which
// no model can be loaded by. `trained` has what Adam keeps of every weight beside them.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { interop, layers, loadModel, sequential } from '../../dist/index.js'
import { fileOf, positive, readTexts } from '../lib/options.mjs'
import { median } from '../lib/statistics.mjs'
import { publish } from '../lib/table.mjs'

const formats = {
  safetensors: {
    file: 'model.safetensors',
    write: (model, path) => interop.toPyTorch(model, path),
    load: (path) => interop.loadPyTorch(path),
  },
  pt: {
    file: 'model.pt',
    write: (model, path) => interop.toPyTorch(model, path),
    load: (path) => interop.loadPyTorch(path),
  },
  onnx: { file: 'model.onnx', write: (model, path) => interop.toOnnx(model, path), load: interop.loadOnnx },
  keras: { file: 'model.keras', write: (model, path) => interop.toKeras(model, path), load: interop.loadKeras },
  h5: { file: 'model.h5', write: (model, path) => interop.toKeras(model, path), load: interop.loadKeras },
  tfjs: { file: 'tfjs', write: (model, path) => interop.toTfjs(model, path), load: interop.loadTfjs },
  seqloom: { file: 'seqloom', write: (model, path) => model.save(path), load: loadModel },
  trained: {
    file: 'trained',
    write(model, path) {
      if (model.loss === undefined) model.compile({ optimizer: 'adam', loss: 'mse' })
      return model.save(path)
    },
    load: loadModel,
  },
}

/** Half a table, a layer of recurrent weights, and for the rest one matrix. */
function modelOf(megabytes) {
  const width = 1024
  const rows = Math.round((megabytes * 2 ** 20) / 4 / width / 2)
  return sequential([
    layers.embedding({ inputDim: rows, outputDim: width }),
    layers.lstm({ units: width, returnSequences: true }),
    layers.dense({ units: rows }),
  ])
}

const filesIn = (path) => (statSync(path).isDirectory() ? readdirSync(path).map((name) => join(path, name)) : [path])

const read = async (path) => filesIn(path).map((file) => readFileSync(file))

const pass = async (path) => {
  const buffer = Buffer.alloc(1 << 20)
  for (const each of filesIn(path)) {
    const file = await open(each)
    while ((await file.read(buffer, 0, buffer.length)).bytesRead > 0);
    await file.close()
  }
}

const works = {
  nothing: async () => {},
  read,
  pass,
  write: async (path, format, megabytes) => formats[format].write(modelOf(Number(megabytes)), path),
  load: async (path, format) => formats[format].load(path),
  async again(path, format) {
    const loaded = await formats[format].load(path)
    await formats[format].write(loaded.model ?? loaded, join(dirname(path), `again-${basename(path)}`))
  },
}

/** What a process of its own needs for some work. */
function measured(...given) {
  const { stdout, stderr, status } = spawnSync(process.execPath, [fileURLToPath(import.meta.url), ...given], {
    env: { ...process.env, SEQLOOM_LARGE_FILES: '1' },
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(stderr)
  return JSON.parse(stdout)
}

const bytesIn = (path) =>
  statSync(path).isDirectory()
    ? readdirSync(path).reduce((sum, name) => sum + statSync(join(path, name)).size, 0)
    : statSync(path).size

async function work() {
  const [what, ...given] = process.argv.slice(2)
  const start = performance.now()
  const kept = await works[what](...given)
  const milliseconds = performance.now() - start
  process.stdout.write(
    JSON.stringify({ milliseconds, bytes: process.resourceUsage().maxRSS * 1024, kept: Boolean(kept) }),
  )
}

function table() {
  const options = readTexts({
    formats: Object.keys(formats).join(','),
    megabytes: '256,1024',
    rounds: '3',
    folder: tmpdir(),
    json: undefined,
  })
  const rounds = positive('rounds', options.rounds)
  const lines = [
    [
      ...['file', 'MiB', 'peak / size', 'ms', 'reading, ms', 'passing, ms', 'time / reading', 'time / passing'],
      'peak with saving / size',
    ],
  ]
  for (const megabytes of options.megabytes.split(',')) {
    for (const name of options.formats.split(',')) {
      const folder = mkdtempSync(join(options.folder, 'large-files-'))
      try {
        const path = join(folder, formats[name].file)
        measured('write', path, name, megabytes)
        const size = bytesIn(path)
        const idle = measured('nothing').bytes
        const [loads, reads, passes] = [[], [], []]
        for (let round = 0; round < rounds; round++) {
          reads.push(measured('read', path))
          passes.push(measured('pass', path))
          loads.push(measured('load', path, name))
        }
        const peak = Math.max(...loads.map(({ bytes }) => bytes)) - idle
        const again = measured('again', path, name).bytes - idle
        const times = [loads, reads, passes].map((each) => median(each.map(({ milliseconds }) => milliseconds)))
        const [load, reading, passing] = times
        const ratios = [peak / size, load / reading, load / passing, again / size].map((ratio) => ratio.toFixed(2))
        const shown = times.map((time) => time.toFixed(0))
        lines.push([name, (size / 2 ** 20).toFixed(0), ratios[0], ...shown, ...ratios.slice(1)])
      } finally {
        rmSync(folder, { recursive: true })
      }
    }
  }
  publish('Loading and saving a large file', lines, fileOf(options.json))
}

if (process.env.SEQLOOM_LARGE_FILES) await work()
else table()
