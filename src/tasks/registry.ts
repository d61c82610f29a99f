// The tasks. A task's folder has the class in index.ts and its command in command.ts.
export * from './answerer/index.js'
export * from './captioner/index.js'
export * from './classifier/index.js'
export * from './forecaster/index.js'
export * from './generator/index.js'
export * from './tagger/index.js'
export * from './transcriber/index.js'
export * from './translator/index.js'
