// Prints resident memory in bytes after 50 models and after 400 more, built, used and dropped. Needs --expose-gc.
import { setImmediate as turn } from 'node:timers/promises'
import { compiled, rows } from '../nativeModel.mjs'

const data = rows(64)

async function build(count) {
  for (let index = 0; index < count; index++) {
    await compiled(index).trainOnBatch(data)
    if (index % 25 === 0) {
      global.gc()
      await turn()
    }
  }
  global.gc()
  await turn()
  global.gc()
  return process.memoryUsage.rss()
}

console.log(JSON.stringify([await build(50), await build(400)]))
