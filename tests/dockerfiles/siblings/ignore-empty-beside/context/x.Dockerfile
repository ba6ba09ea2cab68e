FROM scratch
COPY . /x
