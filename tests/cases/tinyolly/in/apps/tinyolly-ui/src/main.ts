console.log("TinyOlly")
