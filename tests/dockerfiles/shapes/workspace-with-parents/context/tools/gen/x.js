tools/gen/x.js
