// Kills trainings at random moments and resumes them: `node test/helpers/programs/kills.mjs 50`. Prints how many ended as the training that
// nobody killed, bit for bit, and how many had a backup to go on from. Arguments: the number of kills, a seed for the moments, and for which
// rates or streams of resumable.mjs, in turn; `stream` is all streams.
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { streams, writeRows } from './streams.mjs'

const [count = '3', seed = '1', chosen = 'schedule,plateau'] = process.argv.slice(2)
const rates = chosen === 'stream' ? Object.keys(streams) : chosen.split(',')
const program = fileURLToPath(new URL('resumable.mjs', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'seqloom-kills-'))

/** Runs the training, killing it some milliseconds after it begins if it has not ended; what it printed, or null, and how long it took. */
function train(name, rate, killAfter) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, name, rate, folder], { stdio: ['ignore', 'pipe', 'inherit'] })
    let [text, began, timer] = ['']
    child.stdout.on('data', (data) => {
      began ??= performance.now()
      if (killAfter !== undefined) timer ??= setTimeout(() => child.kill('SIGKILL'), killAfter)
      text += data
    })
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      const milliseconds = performance.now() - began
      if (signal === 'SIGKILL') resolve({ text: null, milliseconds })
      else if (code === 0) resolve({ text, milliseconds })
      else reject(new Error(`the training ended with ${code ?? signal}`))
    })
  })
}

let state = Number(seed)
const random = () => {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
  return state / 2 ** 32
}

const result = { kills: 0, resumed: 0, identical: 0 }
try {
  await writeRows(folder)
  const expected = {}
  const milliseconds = {}
  for (const rate of rates) {
    expected[rate] = (await train('none', rate)).text
    milliseconds[rate] = (await train(join(folder, `whole-${rate}`), rate)).milliseconds
  }
  while (result.kills < Number(count)) {
    const rate = rates[result.kills % rates.length]
    const backup = join(folder, `backup-${result.kills}`)
    // One that ended before its moment came is not counted, but must have ended right.
    const { text } = await train(backup, rate, random() * milliseconds[rate])
    if (text !== null) {
      if (text !== expected[rate]) throw new Error(`${rate}: a training with backups differs from one without`)
      rmSync(backup, { recursive: true, force: true })
      continue
    }
    result.kills++
    if (existsSync(join(backup, 'model.json'))) result.resumed++
    if ((await train(backup, rate)).text === expected[rate]) result.identical++
    else console.error(`${rate}: ended differently`)
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
console.log(JSON.stringify(result))
