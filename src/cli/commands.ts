// Written by scripts/generate/tasks.mjs from src/tasks/registry.ts.
export { command as answerer } from '../tasks/answerer/command.js'
export { command as captioner } from '../tasks/captioner/command.js'
export { command as classifier } from '../tasks/classifier/command.js'
export { command as forecaster } from '../tasks/forecaster/command.js'
export { command as generator } from '../tasks/generator/command.js'
export { command as tagger } from '../tasks/tagger/command.js'
export { command as transcriber } from '../tasks/transcriber/command.js'
export { command as translator } from '../tasks/translator/command.js'
