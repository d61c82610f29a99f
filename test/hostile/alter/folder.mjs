// Alterations of saved models.
import { createHash } from 'node:crypto'
import { alterBytes } from './bytes.mjs'
import { alterData, parsed, spelled, wordsOf } from './data.mjs'
import { alterTensors } from './tensors.mjs'

/** One to three alterations of a saved model's files (by name), with all checksums right; `what` says which. */
export function alterFolder(random, original) {
  const files = new Map(original)
  const description = parsed(files.get('model.json'))
  const listed = description.files
  const words = wordsOf(description)
  const done = []
  let described
  for (let count = 1 + random.below(3); count > 0; count--) {
    const name = random.of(['model.json', 'model.json', ...files.keys()])
    const bytes = files.get(name)
    if (name === 'model.json') {
      // What it says of the files is put right again.
      if (random.below(12) === 0) {
        const [what, altered] = alterBytes(random, bytes)
        done.push(`${name}: ${what}`)
        described = altered
      } else done.push(`${name}: ${alterData(random, description, words)}`)
    } else if (random.below(3) === 0) {
      const [what, altered] = alterBytes(random, bytes)
      done.push(`${name}: ${what}`)
      files.set(name, altered)
    } else if (name.endsWith('.safetensors') && bytes.length > 8) {
      try {
        const [what, altered] = alterTensors(random, bytes, words)
        done.push(`${name}: ${what}`)
        files.set(name, altered)
      } catch {
        // The header was altered before.
      }
    } else {
      const json = parsed(bytes)
      if (json === undefined) continue
      done.push(`${name}: ${alterData(random, json, words)}`)
      files.set(name, Buffer.from(spelled(JSON.stringify(json) ?? 'null')))
    }
  }
  if (!described) {
    if (typeof description.files === 'object' && description.files === listed) {
      for (const [name, bytes] of files) {
        if (name === 'model.json' || typeof listed[name] !== 'object' || listed[name] === null) continue
        listed[name] = { sha256: createHash('sha256').update(bytes).digest('hex'), bytes: bytes.length }
      }
    }
    described = Buffer.from(spelled(JSON.stringify(description)))
  }
  files.set('model.json', described)
  return { files, what: done.join('; ') || 'nothing' }
}
