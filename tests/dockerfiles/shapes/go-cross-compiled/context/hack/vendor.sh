hack/vendor.sh
