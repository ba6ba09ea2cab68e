console.log("ollyScale")
