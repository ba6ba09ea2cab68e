test/t.js
