// Talks with a Python process: one JSON object a line, there and back.
import { spawn, spawnSync } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** A process that answers cases. Throws an error that says what is missing if it cannot. */
export async function startPython(script, packages) {
  const python = process.env.SEQLOOM_PYTHON ?? 'python3'
  const asked = `from importlib.util import find_spec\nprint(*(n for n in '${packages.join(' ')}'.split() if not find_spec(n)))`
  const { status, error, stdout } = spawnSync(python, ['-c', asked], { encoding: 'utf8', env: quiet })
  const missing = stdout?.trim().split(' ').join(' and ')
  if (status !== 0 || missing) {
    const why = status === 0 ? `has no ${missing}` : `cannot be run (${error?.message ?? `exit code ${status}`})`
    throw new Error(`${python} ${why}. Set SEQLOOM_PYTHON to a Python that has ${packages.join(' and ')}.`)
  }
  const path = fileURLToPath(new URL(script, import.meta.url))
  const child = spawn(python, [path], { stdio: ['pipe', 'pipe', 'pipe'], env: quiet })
  let noise = ''
  child.stderr.setEncoding('utf8').on('data', (text) => {
    noise = (noise + text).slice(-4000)
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return {
    async answer(request) {
      child.stdin.write(`${JSON.stringify(request)}\n`)
      const { value, done } = await lines.next()
      if (done) throw new Error(`${python} ended:\n${noise}`)
      const { answer, error: failed } = JSON.parse(value)
      if (failed) throw new Error(`theirs: ${failed}`)
      return answer
    },
    stop: () => child.stdin.end(),
  }
}

/** Without messages of packages, and without files beside the scripts. */
const quiet = {
  ...process.env,
  TF_CPP_MIN_LOG_LEVEL: '3',
  CUDA_VISIBLE_DEVICES: '-1',
  PYTHONWARNINGS: 'ignore',
  PYTHONDONTWRITEBYTECODE: '1',
  // Cases are small, and several processes answer them.
  TF_NUM_INTRAOP_THREADS: '1',
  TF_NUM_INTEROP_THREADS: '1',
  OMP_NUM_THREADS: '1',
}
